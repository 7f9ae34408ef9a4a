/// Each byte in two digits.
#[expect(clippy::indexing_slicing, reason = "a constant that panics does not compile")]
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Writes `bytes` in lower case. `digits` has room for two of each.
#[expect(clippy::indexing_slicing, reason = "there is a pair for every byte")]
pub(crate) fn write_hexadecimal(bytes: &[u8], digits: &mut [u8]) {
    let (pairs, _) = digits.as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = PAIRS[usize::from(*byte)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_digits() {
        for byte in 0..=u8::MAX {
            let mut digits = [0; 2];
            write_hexadecimal(&[byte], &mut digits);
            assert_eq!(digits, *format!("{byte:02x}").as_bytes());
        }
    }
}
