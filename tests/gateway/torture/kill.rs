//! `kill -9` at any moment.

use std::time::Instant;

use confgate::trail::PublicKey;
use confgate::trail::verify::{Measure, Summary, verify_by};
use rcgen::{KeyPair, PKCS_ED25519};

use super::BUSY_TRAIL;
use crate::support::books::Books;
use crate::support::dice::Dice;
use crate::support::load::{Load, Told};
use crate::support::program::Program;
use crate::support::site::Site;

const ROUNDS: usize = 60;

/// How many callers there are at once.
const CALLERS: usize = 8;

/// Calls of a round that reach the vendor before it is over, however slow the machine is.
const AT_LEAST: usize = 3 * CALLERS;

/// With a trail that rotates, compresses and signs all the time, and the key that its signatures are held to.
async fn site() -> (Site, Measure) {
    let mut site = Site::new(&BUSY_TRAIL).await;
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let file = site.directory().join("audit-key.pem");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    site.change("AUDIT__CHECKPOINTS__KEY_FILE", file.to_str().unwrap());
    let public_key = PublicKey::all_from_pem(key.public_key_pem().as_bytes()).unwrap().remove(0);
    (site, Measure { public_keys: vec![public_key], ..Measure::default() })
}

fn proved(site: &Site, measure: &Measure) -> Summary {
    verify_by(site.audit(), measure, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"))
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
    let before = site.vendor.calls().len();
    let load = Load::start(gate.address, CALLERS, &site.issuer.token().bearer(), dice);
    tokio::time::sleep(dice.millis(5, 250)).await;
    site.vendor.wait_for(before + AT_LEAST).await;
    gate.program.kill().await;
    told.extend(load.ended().await);
}

#[tokio::test]
async fn whatever_moment_it_is_killed_at_the_trail_has_what_happened() {
    let (dice, (site, measure)) = (Dice::new(), site().await);
    let (mut books, mut told, begun) = (Books::default(), Vec::new(), Instant::now());
    for number in 1..=ROUNDS {
        round(&site, &dice, &mut books, &mut told).await;
        if number % 10 == 0 {
            // As it was left, before another start has tidied up.
            proved(&site, &measure);
        }
    }
    site.start().await.stopped().await;
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    books.know_the_answers(told.iter().filter(|told| told.is_mutation()));
    books.know_what_the_vendor_saw(&site.vendor.calls());
    let summary = proved(&site, &measure);
    let (intents, lost) = books.intents();
    let Summary { segments, records, crashes, .. } = &summary;
    println!(
        "{ROUNDS} rounds in {:?}: {intents} intents, {lost} lost; {records} records in {segments} segments, {} crashes",
        begun.elapsed(),
        crashes.len()
    );
    // Otherwise nothing was in the middle of anything.
    assert!(lost > 0 && intents > ROUNDS && *segments > 5 && crashes.len() > ROUNDS / 2, "{summary}");
}

#[tokio::test]
async fn killed_while_old_files_are_removed_it_goes_on_too() {
    let (dice, (mut site, measure)) = (Dice::new(), site().await);
    site.change("AUDIT__RETENTION__MAX_SIZE", "100KiB");
    for _ in 0..15 {
        let mut running = site.start().await;
        proved(&site, &measure);
        let before = site.vendor.calls().len();
        let load = Load::start(running.address, CALLERS, &site.issuer.token().bearer(), &dice);
        tokio::time::sleep(dice.millis(50, 300)).await;
        site.vendor.wait_for(before + AT_LEAST).await;
        running.program.kill().await;
        load.ended().await;
        proved(&site, &measure);
    }
    site.start().await.stopped().await;
    let summary = proved(&site, &measure);
    assert!(summary.first_kept > 1, "nothing was removed: {summary}");
}
