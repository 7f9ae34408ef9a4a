//! Tells RSA moduli made by Infineon's faulty generator (CVE-2017-15361, "ROCA"), which can be factored.

/// The generator's primes are powers of 65537 modulo each of these, and so is their product.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus, in big-endian bytes, has the generator's mark. A sound one has it with a chance below
/// 2^-100.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn remainder(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * (65537 % prime) % prime;
    }
    false
}
