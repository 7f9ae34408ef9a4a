//! As much of Prometheus' query language as tells which metrics and labels a query names.

/// What a query names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) selectors: Vec<Selector>,
    /// Labels that something is grouped or joined by.
    pub(super) labels: Vec<String>,
    /// Of these, what an aggregation keeps by name; empty where none does.
    pub(super) kept: Vec<String>,
}

/// A metric, with the labels and values that it is to have or not to have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) matchers: Vec<(String, String)>,
}

const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 12] =
    ["and", "or", "unless", "bool", "offset", "sum", "min", "max", "count", "group", "topk", "avg"];

pub(super) fn parse(text: &str) -> Query {
    let mut query = Query { text: text.to_owned(), ..Query::default() };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            rest = after(rest, ']');
        } else if first == '"' {
            rest = after(&rest[1..], '"');
        } else if first.is_ascii_digit() {
            // A number, or a duration.
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else if is_name(first) {
            rest = query.name(rest);
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    query
}

impl Query {
    /// Takes what begins with a name.
    fn name<'a>(&mut self, text: &'a str) -> &'a str {
        let name = text.split(|c| !is_name(c) && !c.is_ascii_digit()).next().expect("a name");
        let rest = text[name.len()..].trim_start();
        if LISTS.contains(&name) {
            let list = rest.strip_prefix('(').and_then(|list| list.split_once(')'));
            let (list, rest) = list.unwrap_or_else(|| panic!("no list after {name}: {}", self.text));
            let labels = list.split(',').map(str::trim).filter(|label| !label.is_empty()).map(str::to_owned);
            let labels: Vec<_> = labels.collect();
            if name == "by" {
                self.kept.extend(labels.clone());
            }
            self.labels.extend(labels);
            return rest;
        }
        if WORDS.contains(&name) || rest.starts_with('(') {
            return rest;
        }
        let (matchers, rest) = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once('}').expect("the end of the matchers"),
            None => ("", rest),
        };
        let matchers = matchers.split("\",").filter(|matcher| !matcher.is_empty()).map(|matcher| {
            let (label, value) = matcher.split_once('"').unwrap_or_else(|| panic!("no value: {}", self.text));
            let label = label.trim_matches(['=', '!', '~', ' ']);
            (label.to_owned(), value.trim_end_matches('"').to_owned())
        });
        self.selectors.push(Selector { metric: name.to_owned(), matchers: matchers.collect() });
        rest
    }
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

#[test]
fn a_query_is_taken_apart() {
    let query = parse(
        r#"sum without (action) (rate(a_total{code!~"ok|x.*", pod=~"$pod",job="b"}[5m] offset 1d)) / on (job) group_left ()
        count by (job, le) (b) > 0.5 and c{k!="v"} == bool 1"#,
    );
    let selectors: Vec<_> = query.selectors.iter().map(|selector| selector.metric.as_str()).collect();
    assert_eq!(selectors, ["a_total", "b", "c"]);
    let matchers = [("code", "ok|x.*"), ("pod", "$pod"), ("job", "b")];
    let matchers = matchers.map(|(label, value)| (label.to_owned(), value.to_owned()));
    assert_eq!(query.selectors[0].matchers, matchers);
    assert_eq!(query.selectors[2].matchers, [("k".to_owned(), "v".to_owned())]);
    assert_eq!(query.labels, ["action", "job", "job", "le"]);
    assert_eq!(query.kept, ["job", "le"]);
}
