/// What a disk writes at once.
const SECTOR: u64 = 512;

/// How much may follow lost sectors in a file, in bytes: more than is ever written without being put on disk.
pub(in crate::trail) const MAX_LOST: u64 = 16 << 20;

/// Whether a line that begins at byte `begin` of its file has sectors in it that never reached the disk: after a power
/// cut these are zeros, from one sector's beginning to another's end. The first may have the end of the line before,
/// which did. No record has a zero, and no change by hand is likely to be of that form.
pub(in crate::trail) fn has_lost_sectors(begin: u64, line: &[u8]) -> bool {
    let mut any = false;
    let mut at = begin;
    let mut rest = line;
    while !rest.is_empty() {
        let end = (at + 1).next_multiple_of(SECTOR);
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(rest.len());
        let (part, after) = rest.split_at(length);
        let whole = length as u64 == SECTOR;
        match part.iter().map(|byte| usize::from(*byte == 0)).sum::<usize>() {
            0 => {}
            // A single byte could as well have been changed.
            zeros if zeros == length && (whole || at == begin) => any |= zeros > 1,
            _ => return false,
        }
        at = end;
        rest = after;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_sectors_of_zeros_are_lost_and_nothing_else_is() {
        let file = |zeros: std::ops::Range<usize>| {
            let mut file = vec![b'x'; 2000];
            file[zeros].fill(0);
            file
        };
        for (begin, zeros, lost) in [
            (0, 0..0, false),
            (0, 0..512, true),
            (0, 512..1024, true),
            (0, 512..1536, true),
            (300, 512..1024, true),
            (300, 300..1024, true),
            (300, 300..512, true),
            (511, 511..512, false),
            (0, 700..701, false),
            (0, 512..1000, false),
            (0, 500..1024, false),
            (0, 1536..2000, false),
        ] {
            assert_eq!(
                has_lost_sectors(begin as u64, &file(zeros.clone())[begin..]),
                lost,
                "{begin} {zeros:?}"
            );
        }
    }
}
