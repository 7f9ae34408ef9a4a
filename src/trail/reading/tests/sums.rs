use super::*;

type Row = (Option<String>, Option<Action>, [u64; 5], Option<u64>);

fn rows(directory: &std::path::Path, filter: &Filter) -> (Vec<Row>, Row) {
    let row = |sums: &Sums| {
        let Sums { tenant, action, requests, allowed, refused, unknown, vendor_errors, p99_us, .. } =
            sums.clone();
        (tenant, action, [requests, allowed, refused, unknown, vendor_errors], p99_us)
    };
    let stats = stats(directory, filter).unwrap();
    assert_eq!(stats.damage, Damage::default());
    (stats.groups.iter().map(row).collect(), row(&stats.total))
}

fn tenant(name: &str) -> Vec<TenantId> {
    vec![TenantId::parse(name).unwrap()]
}

#[test]
fn sums_are_by_tenant_and_action() {
    let directory = two_hours_trail();
    let (groups, total) = rows(directory.path(), &Filter::default());
    let (acme, crm) = (Some("acme".to_owned()), Some("crm".to_owned()));
    assert_eq!(
        groups,
        [
            (acme, Some(Action::Dissolve), [1, 0, 1, 1, 0], Some(103)),
            (crm.clone(), Some(Action::Create), [1, 1, 0, 0, 0], Some(2_047)),
            (crm, Some(Action::Get), [1_002, 2, 1_000, 0, 1], Some(425_983)),
        ]
    );
    assert_eq!(total, (None, None, [1_004, 3, 1_001, 1, 1], Some(425_983)));
}

#[test]
fn sums_are_of_what_passes_the_filter() {
    let directory = two_hours_trail();
    let totals = |filter: Filter| rows(directory.path(), &filter).1.2;
    let any = Filter::default;
    assert_eq!(totals(Filter { tenants: tenant("acme"), ..any() }), [1, 0, 1, 1, 0]);
    assert_eq!(totals(Filter { tenants: tenant("crm"), ..any() }), [1_003, 3, 1_000, 0, 1]);
    assert_eq!(totals(Filter { decisions: vec![Decision::Allowed], ..any() }), [3, 3, 0, 0, 1]);
    assert_eq!(totals(Filter { kinds: vec![Kind::Outcome], ..any() }), [4, 3, 1, 0, 1]);
    // The crash is in this time, and its intent is not: nobody can say whose it was.
    let late = Filter { since: Some(minute(100)), ..any() };
    assert_eq!(totals(late.clone()), [1, 1, 0, 1, 0]);
    assert_eq!(rows(directory.path(), &late).0[0].0, None);
    assert_eq!(totals(Filter { tenants: tenant("crm"), ..late }), [1, 1, 0, 0, 0]);
}

#[test]
fn an_outcome_that_says_unknown_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let create = request(id(1, 1), "crm", Action::Create);
    let outcome = Outcome { outcome_unknown: true, ..allowed(2, &create, 10) };
    let records = [announced(1, &create), Record::Outcome(outcome), recovered(3, &[])];
    trail_of(directory.path(), &records, &[]);
    assert_eq!(rows(directory.path(), &Filter::default()).1.2, [1, 1, 0, 1, 0]);
}
