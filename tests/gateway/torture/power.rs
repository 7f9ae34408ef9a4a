//! The power cut under load.

use std::path::Path;

use confgate::trail::verify::{KeptCheckpoint, Measure, verify, verify_by};

use super::BUSY_TRAIL;
use crate::support::books::Books;
use crate::support::dice::Dice;
use crate::support::disk::{Mounted, make_ext4};
use crate::support::load::{Load, Told};
use crate::support::site::Site;
use crate::support::tools::needs_root_and;

const ROUNDS: usize = 12;

/// How many callers there are at once.
const CALLERS: usize = 8;

/// Calls of a round that reach the vendor before it is over, however slow the machine is.
const AT_LEAST: usize = 3 * CALLERS;

/// What is answered is on disk, unless it is the outcome of a change: that is in the file, and its intent is on disk.
const FIRM: [(&str, &str); 3] = [
    ("AUDIT__DURABILITY__MUTATIONS", "sync"),
    ("AUDIT__DURABILITY__READS", "sync"),
    ("AUDIT__DURABILITY__REFUSALS", "sync"),
];

/// What a power cut would leave of the disk in `image`, on which a frozen gateway has its trail.
///
/// The file system in the image is mounted through a loop device, so that its file is the disk: what the inner file
/// system has sent to its device is in this file, and what is in the inner page cache alone is not. A sync of the inner
/// file system waits until everything has been sent, whereas lines that were written and not synced stay in the inner
/// cache for seconds. Nothing is synced or unmounted before the file is copied, so the copy has exactly what the disk
/// had been given: a program that does not sync what it promises fails here. What a disk loses of its own cache is not
/// simulated; the kernel flushes that with every sync.
///
/// A copy takes its time, and would be of no one moment if the disk were written to meanwhile. The gateway is frozen
/// with no thread in a system call; should the kernel write anything by itself, the next copy differs, and is compared
/// again.
fn cut_the_power(image: &Path, left: &Path) {
    let read = || std::fs::read(image).expect("the image");
    let mut before = read();
    loop {
        let after = read();
        if after == before {
            return std::fs::write(left, after).expect("room for a copy of the image");
        }
        before = after;
    }
}

#[tokio::test]
#[ignore = "needs root, mkfs.ext4 and loop mounts; .ci/run runs it"]
async fn whatever_moment_the_power_is_cut_at_the_disk_has_what_was_promised() {
    needs_root_and(&["mkfs.ext4", "mount", "umount"]);
    let (dice, mut site) = (Dice::new(), Site::new(&[&BUSY_TRAIL[..], &FIRM].concat()).await);
    let (mut books, mut told, mut kept) = (Books::default(), Vec::<Told>::new(), Vec::new());
    let disk = |number: usize| site.directory().join(format!("disk-{number}"));
    let (disks, mount) = ((0..=ROUNDS).map(disk).collect::<Vec<_>>(), site.directory().join("mount"));
    site.keep_trail_in(&mount.join("audit"));
    make_ext4(&disks[0], 48 << 20);
    for pair in disks.windows(2) {
        let mounted = Mounted::image(&mount, &pair[0]);
        let mut running = site.start().await;
        // What the last cut has left is whole, and the gateway has found out what it has lost.
        books.read(&site.trail);
        books.have_one_end_for_each_intent();
        books.know_what_the_vendor_saw(&site.vendor.calls());

        let before = site.vendor.calls().len();
        let load = Load::start(running.address, CALLERS, &site.issuer.token().bearer(), &dice);
        tokio::time::sleep(dice.millis(20, 300)).await;
        site.vendor.wait_for(before + AT_LEAST).await;
        running.program.freeze().await;
        cut_the_power(&pair[0], &pair[1]);
        let ended = running.program.kill().await;
        told.extend(load.ended().await);
        drop(mounted);
        std::fs::remove_file(&pair[0]).unwrap();

        let _mounted = Mounted::image(&mount, &pair[1]);
        let mut left = Books::default();
        left.read(&site.trail);
        left.know_what_the_vendor_saw(&site.vendor.calls());
        left.know_the_answers(told.iter().filter(|told| !told.is_mutation()));
        // What was vouched for elsewhere was on disk first.
        kept.extend(KeptCheckpoint::find(&ended.error).expect("checkpoints in the log"));
        let measure = Measure { kept: kept.clone(), ..Measure::default() };
        verify_by(site.audit(), &measure, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
    }
    let mounted = Mounted::image(&mount, &disks[ROUNDS]);
    site.start().await.stopped().await;
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    books.know_what_the_vendor_saw(&site.vendor.calls());
    let summary = verify(site.audit()).unwrap();
    drop(mounted);
    let (intents, lost) = books.intents();
    println!(
        "{ROUNDS} rounds: {intents} intents, {lost} lost; {} answers; {} records",
        told.len(),
        summary.records
    );
    assert!(lost > 0 && told.len() > 10 * ROUNDS, "{lost} {summary}");
}
