//! Why a figure is not to be trusted.

use std::fmt;

/// Parts are of the time that was measured, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Doubt {
    /// It did not serve, or not to the end.
    Broken(String),
    /// So many answers were not the expected one; the first of them.
    Failed(u64, String),
    /// The contender was busy for this part of the time only; we for that one.
    Unsaturated(f64, f64),
    /// Others worked beside the contender.
    OthersBeside(f64),
    /// Others worked beside callers and vendor.
    OthersWithUs(f64),
    /// The hypervisor gave the CPU to another machine.
    Stolen(f64),
    /// Connections to the vendor were not kept: so many were opened while requests were counted.
    Reconnects(u64),
    /// From the least round to the greatest, as a part of the median.
    Spread(f64),
}

/// What others may do on a CPU.
const OTHERS: f64 = 0.05;
/// A contender that is busy for less waits for us, and not we for it.
const SATURATED: f64 = 0.95;
/// As many connections as there are callers may be opened when the callers wake up together.
const RECONNECTS: u64 = 64;
/// More than that, and the median is a matter of luck.
const SPREAD: f64 = 0.10;

impl Doubt {
    /// Whether it is one.
    pub(crate) fn is_justified(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Failed(count, _) => *count > 0,
            Self::Unsaturated(busy, _) => *busy < SATURATED,
            Self::OthersBeside(part) | Self::OthersWithUs(part) | Self::Stolen(part) => *part > OTHERS,
            Self::Reconnects(count) => *count > RECONNECTS,
            Self::Spread(part) => *part > SPREAD,
        }
    }

    /// How bad, to compare those of one kind.
    fn badness(&self) -> f64 {
        match self {
            Self::Broken(_) => 1.0,
            Self::Failed(count, _) | Self::Reconnects(count) => *count as f64,
            Self::Unsaturated(busy, _) => 1.0 - busy,
            Self::OthersBeside(part) | Self::OthersWithUs(part) | Self::Stolen(part) | Self::Spread(part) => {
                *part
            }
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: &f64| part * 100.0;
        match self {
            Self::Broken(error) => write!(f, "{error}"),
            Self::Failed(count, first) => write!(f, "{count} failed requests, the first: {first}"),
            Self::Unsaturated(busy, ours) => {
                let (busy, ours) = (percent(busy), percent(ours));
                write!(f, "busy {busy:.0} % of the time only; callers and vendor {ours:.0} %")
            }
            Self::OthersBeside(part) => write!(f, "others took {:.0} % of its CPU", percent(part)),
            Self::OthersWithUs(part) => {
                write!(f, "others took {:.0} % of the CPU of callers and vendor", percent(part))
            }
            Self::Stolen(part) => {
                write!(f, "{:.0} % of its CPU were stolen by the hypervisor", percent(part))
            }
            Self::Reconnects(count) => write!(f, "{count} connections to the vendor were opened meanwhile"),
            Self::Spread(part) => write!(f, "rounds differ by {:.0} %", percent(part)),
        }
    }
}

/// The worst of each kind, with how many rounds have that kind.
pub(crate) fn worst(doubts: &[Doubt]) -> Vec<(&Doubt, usize)> {
    let mut worst: Vec<(&Doubt, usize)> = Vec::new();
    for doubt in doubts.iter().filter(|doubt| doubt.is_justified()) {
        let same = |(other, _): &&mut (&Doubt, usize)| {
            std::mem::discriminant(*other) == std::mem::discriminant(doubt)
        };
        match worst.iter_mut().find(same) {
            Some((found, count)) => {
                *count += 1;
                if doubt.badness() > found.badness() {
                    *found = doubt;
                }
            }
            None => worst.push((doubt, 1)),
        }
    }
    worst
}
