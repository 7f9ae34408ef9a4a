//! The table of all metrics in `deploy/README.md`.

use super::section;
use super::served::{Family, Served};

/// A row is `` | `name` | kind | `label`, `label` | meaning | ``.
fn rows() -> Vec<(Family, String)> {
    let section = section("## Watch it");
    let rows =
        section.lines().filter(|line| line.starts_with("| `confgate_") || line.starts_with("| `process_"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("not four cells: {row}") };
        let labels =
            labels.split(", ").map(|label| label.trim_matches('`')).filter(|label| !label.is_empty());
        let mut labels: Vec<_> = labels.map(str::to_owned).collect();
        labels.sort();
        let family = Family { name: name.trim_matches('`').to_owned(), kind: kind.to_owned(), labels };
        (family, meaning.to_owned())
    });
    rows.collect()
}

#[tokio::test]
async fn it_has_what_is_served_and_nothing_else() {
    let (mut told, mut served) = (Vec::new(), Served::in_full().await.families());
    for (family, meaning) in rows() {
        assert!(!meaning.is_empty(), "{family:?} has no meaning");
        told.push(family);
    }
    told.sort();
    served.sort();
    for family in &served {
        assert!(told.contains(family), "the table lacks {family:?}");
    }
    assert_eq!(told, served);
}
