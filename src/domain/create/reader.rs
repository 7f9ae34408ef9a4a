//! Takes the known members out of a body one by one, and notes every fault on the way.

use serde_json::value::RawValue;

use super::members::Member;
use super::{CreateConference, FieldError, MAX_FAULTS};

/// A name over this many bytes is not repeated, nor compared with the known ones.
const MAX_NAME_BYTES: usize = 64;

/// How alike an unknown name must be to a known one to be taken for a slip (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.85;

/// A value as a rule found it, or what is wrong with it and what would be right.
pub(super) type Checked<T> = Result<T, String>;

/// The members not yet read, and the faults so far.
pub(super) struct Reader<'a> {
    members: Vec<Member<'a>>,
    faults: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(members: Vec<Member<'a>>) -> Self {
        Self { members, faults: Vec::new() }
    }

    /// Reads one field by its rule. `None` when it is absent or wrong.
    pub(super) fn field<T>(
        &mut self,
        name: &str,
        rule: impl FnOnce(&'a RawValue) -> Checked<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        self.check(|| pointer(name), rule(value))
    }

    /// Reads an array of at most `max` elements, each by its rule. `None` when it is absent or any part is wrong.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        max: usize,
        rule: impl Fn(&'a RawValue) -> Checked<T>,
    ) -> Option<Vec<T>> {
        let elements = self.field(name, |value| match serde_json::from_str(value.get()) {
            Ok(elements) => bounded(elements, max),
            Err(_) => Err(format!("must be an array of at most {max} strings")),
        })?;
        let read = |(index, element)| self.check(|| format!("{}/{index}", pointer(name)), rule(element));
        let read: Vec<Option<T>> = elements.into_iter().enumerate().map(read).collect();
        read.into_iter().collect()
    }

    /// Ends the reading: what nobody took is unknown.
    pub(super) fn finish(mut self) -> Result<(), Vec<FieldError>> {
        for member in std::mem::take(&mut self.members) {
            if member.name.len() > MAX_NAME_BYTES {
                let detail = format!("has a member whose name is over {MAX_NAME_BYTES} bytes: no field's is");
                self.fault(String::new(), detail);
            } else {
                self.fault(pointer(&member.name), unknown(&member.name));
            }
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    /// Takes out the member of a name. More than one is a fault: parsers differ on which of them counts
    /// (RFC 8259, section 4), and the vendor's is not ours.
    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let first = self.members.iter().position(|member| member.name == name)?;
        let value = self.members.remove(first).value;
        let left = self.members.len();
        self.members.retain(|member| member.name != name);
        if self.members.len() == left {
            return Some(value);
        }
        self.fault(pointer(name), "is given more than once".to_owned());
        None
    }

    fn check<T>(&mut self, pointer: impl FnOnce() -> String, checked: Checked<T>) -> Option<T> {
        checked.map_err(|detail| self.fault(pointer(), detail)).ok()
    }

    fn fault(&mut self, pointer: String, detail: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(FieldError { pointer, detail });
        }
    }
}

fn bounded(elements: Vec<&RawValue>, max: usize) -> Checked<Vec<&RawValue>> {
    if elements.len() > max {
        return Err(format!("has {} elements; the most is {max}", elements.len()));
    }
    Ok(elements)
}

/// The pointer to a member of the whole body (RFC 6901, section 3).
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn unknown(name: &str) -> String {
    match nearest(name) {
        Some(field) => format!("is not a field of a create; did you mean \"{field}\"?"),
        None => "is not a field of a create".to_owned(),
    }
}

/// The field that a name was meant to be, whatever its case and however its words are joined.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.replace(['_', '-', ' '], "").to_ascii_lowercase();
    let likeness = |field| strsim::jaro_winkler(&plain(name), &plain(field));
    let (likeness, field) = CreateConference::FIELDS
        .map(|field| (likeness(field), field))
        .into_iter()
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_a_strange_name() {
        for (slip, field) in [
            ("confType", "confrType"),
            ("confr_type", "confrType"),
            ("ConfrType", "confrType"),
            ("confDelayMillis", "confrDelayMillis"),
            ("confrDelayMilis", "confrDelayMillis"),
            ("confrDelay", "confrDelayMillis"),
            ("pasword", "password"),
            ("passwd", "password"),
            ("memberDefaultRole", "memDefaultRole"),
            ("allowAudienceTalks", "allowAudienceTalk"),
            ("record", "rec"),
            ("maxAudience", "maxAudienceCount"),
            ("useVCode", "useVCodes"),
            ("created", "creator"),
        ] {
            assert_eq!(nearest(slip), Some(field), "{slip}");
        }
        for strange in ["", "x", "title", "id", "__proto__", "startTime", "äöü"] {
            assert_eq!(nearest(strange), None, "{strange}");
        }
    }

    #[test]
    fn pointers_escape_what_rfc_6901_escapes() {
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    }
}
