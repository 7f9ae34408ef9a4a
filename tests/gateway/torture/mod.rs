//! The trail under torture: the program killed, the power cut, the disk full, failing and hanging, always under load.
//! What the vendor saw and what callers were told is held against what the trail says afterwards.

mod faults;
mod full;
mod kill;
mod power;

/// Keys of the configuration that make the trail do as much as it can of what may be interrupted.
const BUSY_TRAIL: [(&str, &str); 4] = [
    ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
    ("AUDIT__SEGMENTS__PREALLOCATE", "32KiB"),
    ("AUDIT__SEGMENTS__COMPRESSION", "zstd"),
    ("AUDIT__CHECKPOINTS__RECORDS", "40"),
];
