//! HTTP/1.1 read back strictly: what does not stand there byte for byte as it must is an error.

/// One request or answer.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) start: String,
    /// In order, names as they were written.
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The only value of `name`.
    pub(super) fn field(&self, name: &str) -> Result<&str, String> {
        let mut values = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value),
            (found, _) => {
                Err(format!("{} {name} in {self:?}", if found.is_none() { "no" } else { "more than one" }))
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }
}

/// The bytes that the characters of `text` stand for, each by its number.
pub(super) fn latin1(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    text.chars().map(|character| u8::try_from(character).expect("a character of Latin-1")).collect()
}

/// Takes one message off the front of `bytes`. `bodiless` says of its start line whether nothing can follow its head.
pub(super) fn take(bytes: &mut &[u8], bodiless: impl Fn(&str) -> bool) -> Result<Message, String> {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(|| format!("no head: {}", told(bytes)))?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|error| format!("{error} in {}", told(bytes)))?;
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("no field: {line:?}"))?;
        let is_token =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_token || value.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) || value.trim() != value {
            return Err(format!("no plain field: {line:?}"));
        }
        Ok((name.to_owned(), value.to_owned()))
    };
    let fields = lines.map(field).collect::<Result<_, String>>()?;
    *bytes = &bytes[end + 4..];
    let mut message = Message { start, fields, body: Vec::new() };
    if !bodiless(&message.start) {
        message.body = take_body(&message, bytes)?;
    }
    Ok(message)
}

fn take_body(message: &Message, bytes: &mut &[u8]) -> Result<Vec<u8>, String> {
    let chunked = message.has("transfer-encoding");
    if chunked && (message.field("transfer-encoding")? != "chunked" || message.has("content-length")) {
        return Err(format!("an ambiguous length in {message:?}"));
    }
    if chunked {
        return take_chunks(bytes);
    }
    if !message.has("content-length") {
        return Ok(Vec::new());
    }
    let length: usize =
        message.field("content-length")?.parse().map_err(|error| format!("{error} in {message:?}"))?;
    take_exactly(bytes, length)
}

fn take_chunks(bytes: &mut &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").ok_or("a chunk without a size")?;
        let size = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = usize::from_str_radix(&size, 16).map_err(|error| format!("{error} in {size:?}"))?;
        *bytes = &bytes[end + 2..];
        body.extend(take_exactly(bytes, length)?);
        if take_exactly(bytes, 2)? != b"\r\n" {
            return Err("a chunk without an end".to_owned());
        }
        if length == 0 {
            return Ok(body);
        }
    }
}

fn take_exactly(bytes: &mut &[u8], length: usize) -> Result<Vec<u8>, String> {
    let (taken, rest) =
        bytes.split_at_checked(length).ok_or_else(|| format!("half a body: {}", told(bytes)))?;
    *bytes = rest;
    Ok(taken.to_vec())
}

/// The beginning of `bytes`, to be read by people.
pub(super) fn told(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]))
}
