use http::HeaderValue;

use crate::domain::RequestId;

/// What can be the value of a field.
pub trait Value {
    /// Writes it.
    fn write(&self, line: &mut ValueWriter<'_>);
}

/// A field's line, to which a value is written in parts that cannot end it.
#[derive(Debug)]
pub struct ValueWriter<'a>(&'a mut Vec<u8>);

impl<'a> ValueWriter<'a> {
    pub(super) fn at(bytes: &'a mut Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Text of the program's own, of visible ASCII and spaces.
    pub fn text(&mut self, text: &'static str) {
        debug_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?} is no part of a value");
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A number, in decimal.
    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

impl<V: Value + ?Sized> Value for &V {
    fn write(&self, line: &mut ValueWriter<'_>) {
        (*self).write(line);
    }
}

impl Value for &'static str {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.text(self);
    }
}

/// A list (RFC 9110, section 5.6.1).
impl<const N: usize> Value for [&'static str; N] {
    fn write(&self, line: &mut ValueWriter<'_>) {
        for (index, item) in self.iter().enumerate() {
            line.text(if index > 0 { "," } else { "" });
            line.text(item);
        }
    }
}

impl Value for u64 {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.number(*self);
    }
}

impl Value for HeaderValue {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.0.extend_from_slice(self.as_bytes());
    }
}

impl Value for RequestId {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.0.extend_from_slice(self.encode(&mut [0; 36]).as_bytes());
    }
}

/// Whether it can be a value: as [`HeaderValue`] has it, no control character but the tabulator.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | 0x80..))
}
