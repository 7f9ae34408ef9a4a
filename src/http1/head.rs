/// Where a head ends: behind its first empty line, which was not all there when so much was `looked_at`.
pub fn end_of_head(bytes: &[u8], looked_at: usize) -> Option<usize> {
    let from = looked_at.saturating_sub(2);
    let mut ends = memchr::memchr_iter(b'\n', bytes.get(from..)?).map(|at| from + at);
    ends.find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}
