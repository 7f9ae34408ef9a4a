//! Did you mean …?

/// `: did you mean …?` when one of `known` is close to `unknown`, else a list of what there is.
pub(super) fn suggestion<'a>(unknown: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let unknown = unknown.to_lowercase();
    let closest = known
        .clone()
        .map(|key| (distance(&unknown, key), key))
        .filter(|(steps, key)| *steps <= 2.min(key.len() / 2) || is_stem(&unknown, key))
        .min();
    match closest {
        Some((_, key)) => format!(": did you mean {key}?"),
        None => format!(": there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Whether `key` says `unknown` and more: `client_secret` for `client_secret_file`.
fn is_stem(unknown: &str, key: &str) -> bool {
    unknown.len() >= 4 && key.strip_prefix(unknown).is_some_and(|rest| rest.starts_with('_'))
}

/// How many characters must be put in, left out or changed to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    // Nobody means a known key by a text this long, and the work is the product of both lengths.
    if one.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_steps() {
        for (one, other, steps) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("adress", "address", 1),
            ("kitten", "sitting", 3),
            ("leeway", "leewya", 2),
        ] {
            assert_eq!(distance(one, other), steps, "{one} {other}");
        }
    }

    #[test]
    fn what_is_close_is_suggested_and_else_all_is_listed() {
        let known = ["address", "client_secret_file"];
        let suggest = |unknown| suggestion(unknown, known.into_iter());
        assert_eq!(suggest("adress"), ": did you mean address?");
        assert_eq!(suggest("Address"), ": did you mean address?");
        assert_eq!(suggest("client_secret"), ": did you mean client_secret_file?");
        assert_eq!(suggest("port"), ": there are address, client_secret_file");
        assert_eq!(suggest(&"x".repeat(10_000)), ": there are address, client_secret_file");
    }
}
