//! `kill -9` at any moment.

use std::time::Instant;

use confgate::trail::verify;
use rcgen::{KeyPair, PKCS_ED25519};

use super::BUSY_TRAIL;
use super::books::Books;
use super::dice::Dice;
use super::load::{Load, Told};
use crate::support::program::Program;
use crate::support::site::Site;

const ROUNDS: usize = 60;

/// How many callers there are at once.
const CALLERS: usize = 8;

/// With a trail that rotates, compresses and signs all the time.
async fn site() -> Site {
    let mut site = Site::new(&BUSY_TRAIL).await;
    let key = site.directory().join("audit-key.pem");
    std::fs::write(&key, KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem()).unwrap();
    site.change("AUDIT__CHECKPOINTS__KEY_FILE", key.to_str().unwrap());
    site
}

/// One round: killed under load, or while it starts.
async fn round(site: &Site, dice: &Dice, books: &mut Books, told: &mut Vec<Told>) {
    if dice.below(5) == 0 {
        let mut program = Program::start(&mut site.command());
        tokio::time::sleep(dice.millis(0, 60)).await;
        program.kill().await;
        return;
    }
    let mut gate = site.start().await;
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    books.know_the_answers(told.drain(..).filter(Told::is_mutation));
    let load = Load::start(gate.address, CALLERS, &site.issuer.token().bearer(), dice);
    tokio::time::sleep(dice.millis(5, 250)).await;
    gate.program.kill().await;
    told.extend(load.ended().await);
}

#[tokio::test]
async fn whatever_moment_it_is_killed_at_the_trail_has_what_happened() {
    let (dice, site) = (Dice::new(), site().await);
    let (mut books, mut told, begun) = (Books::default(), Vec::new(), Instant::now());
    for number in 1..=ROUNDS {
        round(&site, &dice, &mut books, &mut told).await;
        if number % 10 == 0 {
            // As it was left, before another start has tidied up.
            verify(site.audit()).unwrap_or_else(|error| panic!("after round {number}: {error}"));
        }
    }
    site.start().await.stopped().await;
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    books.know_the_answers(told.iter().filter(|told| told.is_mutation()));
    books.know_what_the_vendor_saw(&site.vendor.calls());
    let summary = verify(site.audit()).unwrap();
    let (intents, lost) = books.intents();
    println!("{ROUNDS} rounds in {:?}: {intents} intents, {lost} lost; {summary}", begun.elapsed());
    // Otherwise nothing was in the middle of anything.
    assert!(lost > 0 && intents > ROUNDS && summary.segments > 5, "{lost} {intents} {summary}");
}
