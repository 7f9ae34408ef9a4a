//! Durations and sizes as people write them: `"500ms"`, `"30s"`, `"64KiB"`.

use std::time::Duration;

const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a whole number with one of the units `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let millis = number_with_unit(text, &DURATIONS).ok_or_else(|| {
        "must be a whole number with a unit, such as \"500ms\", \"30s\", \"5m\", \"1h\" or \"7d\"".to_owned()
    })?;
    Ok(Duration::from_millis(millis))
}

/// Reads a whole number with one of the units `B`, `KiB`, `MiB`, `GiB`; without a unit it counts bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    text.parse().ok().or_else(|| number_with_unit(text, &SIZES)).ok_or_else(|| {
        "must be a whole number of bytes, or one with a unit, such as \"16KiB\" or \"1MiB\"".to_owned()
    })
}

/// The shortest text that [`parse_duration`] reads back as `duration`, which has whole milliseconds.
pub(super) fn show_duration(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0s".to_owned(),
        // As everybody says it.
        Ok(86_400_000) => "24h".to_owned(),
        Ok(millis) => in_largest_unit(millis, &DURATIONS),
        Err(_) => format!("{duration:?}"),
    }
}

/// The shortest text that [`parse_size`] reads back as `bytes`.
pub(super) fn show_size(bytes: u64) -> String {
    if bytes == 0 { "0B".to_owned() } else { in_largest_unit(bytes, &SIZES) }
}

/// None for anything but digits and a known unit, or when the product is out of range.
fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_largest_unit(number: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| number.is_multiple_of(*factor))
        .map_or_else(|| number.to_string(), |(unit, factor)| format!("{}{unit}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(parse_duration("400d"), Ok(Duration::from_hours(9600)));
        for text in ["", "30", "s", "-1s", "1.5s", "1w", "1 h m", "18446744073709551615h", "٣s"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_unless_they_have_a_unit() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("64 KiB"), Ok(65_536));
        for text in ["", "64KB", "64k", "-1", "KiB", "18446744073709551615GiB"] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(number: u64) {
            prop_assert_eq!(parse_size(&show_size(number)), Ok(number));
            let duration = Duration::from_millis(number);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = (parse_size(&text), parse_duration(&text));
        }
    }
}
