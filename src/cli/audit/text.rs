//! Text from outside, made fit for a terminal: subjects, details and bodies may hold anything.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text with everything that would steer a terminal, or change the order or place of what is seen, written as
/// `\u{1b}`.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if steers(character) {
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and format characters that cannot be seen: marks of direction, of zero width, of language.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text in exactly so many columns: cut with `…`, or filled up.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let shown = visible(text);
    let mut fitted = cut(&shown, columns);
    let rest = columns.saturating_sub(fitted.width());
    fitted.extend(std::iter::repeat_n(' ', rest));
    fitted
}

/// At most so many columns of text that is visible.
fn cut(shown: &str, columns: usize) -> String {
    if shown.width() <= columns {
        return shown.to_owned();
    }
    let mut kept = String::new();
    let mut room = columns.saturating_sub(1);
    for character in shown.chars() {
        let width = character.width().unwrap_or_default();
        if width > room {
            break;
        }
        room -= width;
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Microseconds as milliseconds with three digits.
pub(super) fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        for (text, shown) in [
            ("huangcl", "huangcl"),
            ("黄长龙 ü", "黄长龙 ü"),
            ("\u{1b}[2Jx", r"\u{1b}[2Jx"),
            ("a\nb\r\u{7f}", r"a\u{a}b\u{d}\u{7f}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}\u{200b}", r"a\u{202e}b\u{2066}\u{200b}"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn a_cell_is_as_wide_as_its_column() {
        for (text, cell) in [
            ("", "      "),
            ("crm", "crm   "),
            ("abcdef", "abcdef"),
            ("abcdefg", "abcde…"),
            ("黄长龙", "黄长龙"),
            ("黄长龙a", "黄长… "),
            ("e\u{301}", "e\u{301}     "),
            ("\u{1b}[2J", r"\u{1b…"),
        ] {
            assert_eq!(fit(text, 6), cell);
            assert_eq!(fit(text, 6).width(), 6);
        }
    }

    #[test]
    fn microseconds_are_shown_as_milliseconds() {
        assert_eq!([0, 999, 31_250].map(millis), ["0.000", "0.999", "31.250"]);
    }
}
