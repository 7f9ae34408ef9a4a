use std::cell::Cell;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use uuid::ContextV7;

use super::*;
use crate::trail::Refusals;

const MILLION: u32 = 1_000_000;
const INDIVIDUALLY: u32 = 5;

/// A flood's refusals as they come, and what the trail gets of them.
struct Window {
    floods: Floods<u32>,
    ids: ContextV7,
    slots: u32,
    alone: Vec<RequestId>,
}

impl Window {
    fn open() -> Self {
        let floods = Floods::new(NonZeroU32::new(INDIVIDUALLY).unwrap());
        Self { floods, ids: ContextV7::new(), slots: 0, alone: Vec::new() }
    }

    /// Whether the refusal has an outcome of its own.
    fn note(&mut self, refused: Refused<'_>) -> bool {
        self.slots += 1;
        let refused = Refused { id: RequestId::generate(&self.ids), ..refused };
        let back = self.floods.note(&refused, self.slots, Ok);
        assert!(back.is_none_or(|slot| slot == self.slots), "somebody else's slot");
        self.alone.extend(back.map(|_| refused.id));
        back.is_some()
    }

    fn end(&mut self) -> Vec<Refusals> {
        let records = self.floods.end_window(Timestamp::UNIX_EPOCH);
        let slots: HashSet<u32> = records.iter().map(|(slot, _)| *slot).collect();
        assert_eq!(slots.len(), records.len(), "each with a slot of its own");
        records.into_iter().map(|(_, record)| record).collect()
    }
}

fn total(records: &[Refusals]) -> u64 {
    records.iter().map(|record| record.count).sum()
}

fn refused(client: impl Into<IpAddr>) -> Refused<'static> {
    Refused {
        time: Timestamp::UNIX_EPOCH,
        id: RequestId::generate(&ContextV7::new()),
        action: Some(Action::Get),
        tenant: None,
        subject: None,
        client: client.into(),
        reason: Some(Code::TokenExpired),
        detail: Some("exp"),
        status: Some(401),
    }
}

fn stranger() -> Refused<'static> {
    refused(Ipv4Addr::LOCALHOST)
}

#[test]
fn a_million_of_one_kind_are_a_few_outcomes_and_one_count_and_the_odd_ones_stay_visible() {
    let (crm, acme) = (TenantId::parse("crm").unwrap(), TenantId::parse("acme").unwrap());
    let (huangcl, yangss): (Arc<str>, Arc<str>) = ("huangcl".into(), "yangss".into());
    let common = Refused { tenant: Some(&crm), subject: Some(&huangcl), ..stranger() };
    let odd = [
        Refused { reason: Some(Code::TokenRejected), ..common },
        Refused { action: Some(Action::Create), ..common },
        Refused { tenant: Some(&acme), ..common },
        Refused { subject: Some(&yangss), ..common },
        Refused { client: Ipv4Addr::new(192, 0, 2, 1).into(), ..common },
        Refused { detail: None, ..common },
        Refused { status: None, ..common },
    ];
    let mut window = Window::open();
    for number in 0..MILLION {
        let alone = window.note(common);
        assert_eq!(alone, number < INDIVIDUALLY);
        if number % 100_000 == 99_999
            && let Some(odd) = odd.get(number as usize / 100_000)
        {
            assert!(window.note(*odd), "{odd:?}");
        }
    }
    assert_eq!(window.alone.len(), INDIVIDUALLY as usize + odd.len());
    let records = window.end();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.count, u64::from(MILLION - INDIVIDUALLY));
    assert_eq!((record.action, record.reason, record.status), (common.action, common.reason, common.status));
    assert_eq!((record.tenant.as_ref(), record.subject.as_ref()), (Some(&crm), Some(&huangcl)));
    assert_eq!((record.client, record.detail.as_deref()), (Some(common.client), common.detail));
    assert_eq!(window.end().len(), 0, "a window begins empty");
    assert!(window.note(common), "the first of a window is one of the first");
}

#[test]
fn a_million_that_are_never_twice_the_same_are_bounded_too() {
    let crm = TenantId::parse("crm").unwrap();
    let mut window = Window::open();
    for number in 0..MILLION {
        let (subject, detail) = (Arc::from(number.to_string()), number.to_string());
        let client = Ipv4Addr::from_bits(number);
        window.note(Refused { subject: Some(&subject), detail: Some(&detail), ..refused(client) });
    }
    assert_eq!(window.alone.len(), KINDS[0] + INDIVIDUALLY as usize);
    let odd = Refused { tenant: Some(&crm), subject: None, ..stranger() };
    assert!(window.note(odd), "of another tenant");
    assert!(window.note(Refused { action: None, ..stranger() }), "of another action");
    assert!(window.note(Refused { reason: Some(Code::ScopeMissing), ..stranger() }), "for another reason");
    let known = refused(Ipv4Addr::from_bits(0));
    assert!(!window.note(known), "the coarse kind is counted");
    let records = window.end();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    let alone = u64::try_from(window.alone.len()).unwrap();
    assert_eq!(record.count + alone, u64::from(MILLION) + 4);
    assert_eq!((record.action, record.reason), (known.action, known.reason));
    assert_eq!((&record.subject, record.client, &record.detail), (&None, None, &None));
}

#[test]
fn no_mixture_has_more_counts_than_there_is_room_for() {
    let mut window = Window::open();
    let tenants: Vec<TenantId> = (0..40).map(|n| TenantId::parse(&format!("t{n}")).unwrap()).collect();
    let actions = [None, Some(Action::Create), Some(Action::Get), Some(Action::Dissolve), Some(Action::Kick)];
    let mut sent = 0;
    for _ in 0..3 * INDIVIDUALLY {
        for (number, tenant) in tenants.iter().enumerate() {
            for (reason, action) in Code::ALL.iter().flat_map(|code| actions.map(|action| (*code, action))) {
                let client = Ipv4Addr::from_bits(u32::try_from(number).unwrap());
                let status = Some(reason.status());
                window.note(Refused {
                    tenant: Some(tenant),
                    reason: Some(reason),
                    action,
                    status,
                    ..refused(client)
                });
                sent += 1;
            }
        }
    }
    let most = MOST_COUNTS;
    assert!(window.alone.len() <= most * INDIVIDUALLY as usize, "{}", window.alone.len());
    let records = window.end();
    assert!(records.len() <= most, "{}", records.len());
    assert_eq!(total(&records) + window.alone.len() as u64, sent);
    let without_tenant = records.iter().filter(|record| record.tenant.is_none()).count();
    assert_eq!(without_tenant, Code::ALL.len() * actions.len(), "the coarsest kinds took the rest");
}

#[test]
fn one_ipv6_network_is_one_address_that_is_not_named_unless_it_is_alone() {
    let network = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
    let mut window = Window::open();
    (0..100).for_each(|n| _ = window.note(refused(Ipv6Addr::from_bits(network + n))));
    let later = Timestamp::from_second(1).unwrap();
    let alone = Refused { time: later, ..refused(Ipv6Addr::LOCALHOST) };
    (0..100).for_each(|_| _ = window.note(alone));
    let records = window.end();
    let told: Vec<_> = records.iter().map(|record| (record.count, record.client)).collect();
    assert_eq!(told, [(95, None), (95, Some(Ipv6Addr::LOCALHOST.into()))]);
}

#[test]
fn a_count_names_its_first_and_its_last() {
    let mut window = Window::open();
    let at = |second: i64| Refused { time: Timestamp::from_second(second).unwrap(), ..stranger() };
    (0..20).for_each(|second| _ = window.note(at(second)));
    let records = window.end();
    assert_eq!(records[0].first_time, Timestamp::from_second(INDIVIDUALLY.into()).unwrap());
    assert_eq!(records[0].last_time, Timestamp::from_second(19).unwrap());
    assert_ne!(records[0].first_request_id, records[0].last_request_id);
    assert!(!window.alone.contains(&records[0].first_request_id));
}

#[test]
fn the_slot_of_the_first_one_counted_is_kept_and_one_that_has_no_place_comes_back() {
    let mut floods = Floods::new(NonZeroU32::MIN);
    assert_eq!(floods.note(&stranger(), 1, Ok), Some(1));
    assert_eq!(floods.note(&stranger(), 2, Err), Some(2), "no place, and so an outcome of its own");
    assert_eq!(floods.note(&stranger(), 3, Ok), None);
    let asked = Cell::new(false);
    let keep = |slot| {
        asked.set(true);
        Ok(slot)
    };
    assert_eq!(floods.note(&stranger(), 4, keep), None);
    assert!(!asked.get(), "the count has its slot");
    let records = floods.end_window(Timestamp::UNIX_EPOCH);
    assert_eq!(records.iter().map(|(slot, record)| (*slot, record.count)).collect::<Vec<_>>(), [(3, 2)]);
}
