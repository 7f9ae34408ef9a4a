//! The forms that a value can have, each with its rule, its advice and its way back to TOML.

use std::fmt::{Display, Write};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use ::config::{Value, ValueKind};

use super::units::{parse_duration, parse_size, show_duration, show_size};

/// How a raw value becomes a typed one. Environment variables hold text only, so every form has one in text.
pub(super) trait Form {
    /// What the form yields.
    type Value;

    /// The typed value, or what is wrong and what to do.
    fn parse(&self, raw: &Value) -> Result<Self::Value, String>;

    /// The value as TOML that [`Form::parse`] reads back.
    fn toml(&self, value: &Self::Value) -> String;
}

/// A whole number within bounds.
pub(super) struct Integer<T>(pub(super) RangeInclusive<T>);

impl<T: Copy + Display + PartialOrd + TryFrom<i64> + std::str::FromStr> Form for Integer<T> {
    type Value = T;

    fn parse(&self, raw: &Value) -> Result<T, String> {
        let number = match &raw.kind {
            ValueKind::I64(number) => T::try_from(*number).ok(),
            ValueKind::String(text) => text.trim().parse().ok(),
            other => return Err(format!("must be a whole number, and is {}", kind(other))),
        };
        let (low, high) = (self.0.start(), self.0.end());
        number
            .filter(|number| self.0.contains(number))
            .ok_or_else(|| format!("must be a whole number from {low} to {high}"))
    }

    fn toml(&self, value: &T) -> String {
        value.to_string()
    }
}

/// A whole number within bounds that leave out zero, as `T`: one of the `NonZero` types.
pub(super) struct Count<T> {
    bounds: Integer<u64>,
    target: PhantomData<T>,
}

impl<T> Count<T> {
    /// Takes bounds from 1 up that fit into `T`.
    pub(super) fn within(bounds: RangeInclusive<u64>) -> Self {
        Self { bounds: Integer(bounds), target: PhantomData }
    }
}

impl<T: Display + TryFrom<NonZeroU64>> Form for Count<T> {
    type Value = T;

    fn parse(&self, raw: &Value) -> Result<T, String> {
        let number = NonZeroU64::new(self.bounds.parse(raw)?);
        let count = number.and_then(|number| T::try_from(number).ok());
        count.ok_or_else(|| "must be at least 1, and not more than this machine can count".to_owned())
    }

    fn toml(&self, value: &T) -> String {
        value.to_string()
    }
}

/// A part of a whole, within bounds: `0.5`.
pub(super) struct Fraction(pub(super) RangeInclusive<f64>);

impl Form for Fraction {
    type Value = f64;

    fn parse(&self, raw: &Value) -> Result<f64, String> {
        let number = match &raw.kind {
            ValueKind::Float(number) => Some(*number),
            ValueKind::String(text) => text.trim().parse().ok(),
            other => return Err(format!("must be a fraction such as 0.5, and is {}", kind(other))),
        };
        let (low, high) = (self.0.start(), self.0.end());
        number
            .filter(|number| self.0.contains(number))
            .ok_or_else(|| format!("must be a fraction from {low} to {high}"))
    }

    fn toml(&self, value: &f64) -> String {
        value.to_string()
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Form for Flag {
    type Value = bool;

    fn parse(&self, raw: &Value) -> Result<bool, String> {
        match &raw.kind {
            ValueKind::Boolean(flag) => Ok(*flag),
            ValueKind::String(text) => text.trim().parse().map_err(|_| "must be true or false".to_owned()),
            other => Err(format!("must be true or false, and is {}", kind(other))),
        }
    }

    fn toml(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// A duration within bounds, with a unit: `"30s"`.
pub(super) struct Span(pub(super) RangeInclusive<Duration>);

impl Form for Span {
    type Value = Duration;

    fn parse(&self, raw: &Value) -> Result<Duration, String> {
        let duration = match &raw.kind {
            ValueKind::String(text) => parse_duration(text.trim())?,
            ValueKind::I64(number) => return Err(format!("needs a unit: \"{number}s\" or \"{number}ms\"")),
            other => {
                return Err(format!("must be a duration such as \"30s\", and is {}", kind(other)));
            }
        };
        let (low, high) = (show_duration(*self.0.start()), show_duration(*self.0.end()));
        if self.0.contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("must be from {low} to {high}, and is {}", show_duration(duration)))
        }
    }

    fn toml(&self, value: &Duration) -> String {
        quoted(&show_duration(*value))
    }
}

/// A number of bytes within bounds: `"64KiB"` or `65536`.
pub(super) struct Size(pub(super) RangeInclusive<usize>);

impl Form for Size {
    type Value = usize;

    fn parse(&self, raw: &Value) -> Result<usize, String> {
        let bytes = match &raw.kind {
            ValueKind::String(text) => usize::try_from(parse_size(text.trim())?).ok(),
            ValueKind::I64(number) => usize::try_from(*number).ok(),
            other => {
                return Err(format!("must be a size such as \"64KiB\", and is {}", kind(other)));
            }
        };
        let (low, high) = (shown_size(*self.0.start()), shown_size(*self.0.end()));
        bytes.filter(|bytes| self.0.contains(bytes)).ok_or_else(|| format!("must be from {low} to {high}"))
    }

    fn toml(&self, value: &usize) -> String {
        quoted(&shown_size(*value))
    }
}

fn shown_size(bytes: usize) -> String {
    show_size(bytes as u64)
}

/// Text that `parse` understands, and the way back.
pub(super) struct Text<T> {
    /// Text to value, or what is wrong and what to do.
    pub(super) parse: fn(&str) -> Result<T, String>,
    /// Value to text.
    pub(super) show: fn(&T) -> String,
}

impl<T> Form for Text<T> {
    type Value = T;

    fn parse(&self, raw: &Value) -> Result<T, String> {
        (self.parse)(text_of(raw)?)
    }

    fn toml(&self, value: &T) -> String {
        quoted(&(self.show)(value))
    }
}

fn text_of(raw: &Value) -> Result<&str, String> {
    match &raw.kind {
        ValueKind::String(text) => Ok(text),
        other => Err(format!("must be text in quotes, and is {}", kind(other))),
    }
}

/// One of a closed list, each by its name. Every value that is shown must be in it.
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T> Choice<T> {
    /// `must be "a", "b" or "c"`
    fn rule(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|(name, _)| quoted(name)).collect();
        let names = names.join(", ");
        match names.rsplit_once(", ") {
            Some((others, last)) => format!("must be {others} or {last}"),
            None => format!("must be {names}"),
        }
    }
}

impl<T: Copy + PartialEq> Form for Choice<T> {
    type Value = T;

    fn parse(&self, raw: &Value) -> Result<T, String> {
        let text = text_of(raw)?;
        let known = self.0.iter().find(|(name, _)| *name == text);
        known.map(|(_, value)| *value).ok_or_else(|| self.rule())
    }

    fn toml(&self, value: &T) -> String {
        let known = self.0.iter().find(|(_, known)| known == value);
        quoted(known.map_or("", |(name, _)| name))
    }
}

/// A list of text, each item of which `item` understands; or one text with commas between the items.
pub(super) struct List<T> {
    /// The form of each item.
    pub(super) item: Text<T>,
    /// How many items there must be at least.
    pub(super) at_least: usize,
}

impl<T> Form for List<T> {
    type Value = Vec<T>;

    fn parse(&self, raw: &Value) -> Result<Vec<T>, String> {
        let texts: Vec<&str> = match &raw.kind {
            ValueKind::Array(items) => items.iter().map(text_item).collect::<Result<_, _>>()?,
            ValueKind::String(text) if text.trim().is_empty() => Vec::new(),
            ValueKind::String(text) => text.split(',').map(str::trim).collect(),
            other => return Err(format!("must be a list of text, and is {}", kind(other))),
        };
        if texts.len() < self.at_least {
            return Err(format!("must name at least {}, and is empty", self.at_least));
        }
        if let Some(twice) =
            (1..texts.len()).find_map(|i| texts.get(..i)?.contains(texts.get(i)?).then_some(i))
        {
            return Err(format!("item {} is there twice: drop one", twice + 1));
        }
        let item = |(i, text): (usize, &str)| {
            (self.item.parse)(text).map_err(|wrong| format!("item {}: {wrong}", i + 1))
        };
        texts.into_iter().enumerate().map(item).collect()
    }

    fn toml(&self, value: &Vec<T>) -> String {
        let items: Vec<String> = value.iter().map(|item| self.item.toml(item)).collect();
        format!("[{}]", items.join(", "))
    }
}

fn text_item(item: &Value) -> Result<&str, String> {
    match &item.kind {
        ValueKind::String(text) => Ok(text),
        other => Err(format!("must be a list of text, and has {} in it", kind(other))),
    }
}

/// `text` as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// A value's kind with its article; never the value, which may be a secret in the wrong place.
pub(super) fn kind(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_says_what_there_is_to_choose_from() {
        let choice = Choice(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!((choice.parse(&"b".into()), choice.toml(&3)), (Ok(2), "\"c\"".to_owned()));
        assert_eq!(choice.parse(&"d".into()), Err("must be \"a\", \"b\" or \"c\"".to_owned()));
        assert_eq!(choice.parse(&5.into()), Err("must be text in quotes, and is a whole number".to_owned()));
        assert_eq!(Choice(&[("a", 1), ("b", 2)]).rule(), "must be \"a\" or \"b\"");
    }
}
