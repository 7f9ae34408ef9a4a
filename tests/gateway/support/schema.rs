//! The schema that `confgate audit schema` prints, and every record of every test held against it.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

/// Fails the test unless each line is as the schema says.
pub(crate) fn assert_lines_match(lines: &[String]) {
    for line in lines {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        if !validator().is_valid(&value) {
            let errors: Vec<String> =
                validator().iter_errors(&value).map(|error| error.to_string()).collect();
            panic!("a line of the trail is not as the schema says: {errors:#?}\n{line}");
        }
    }
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        let schema: Value = serde_json::from_str(confgate::trail::SCHEMA).expect("a schema in JSON");
        jsonschema::draft202012::new(&schema).expect("a schema of this draft")
    })
}
