//! What became of requests.

use crate::caller::Answer;
use crate::world::ANSWER;

/// What was answered in some time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// What the first failure was.
    pub(crate) failure: Option<String>,
    /// How long each answer took, in ns.
    pub(crate) took: Vec<u32>,
}

impl Tally {
    /// What was counted elsewhere at the same time.
    pub(crate) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        self.took.extend(other.took);
    }

    /// Every answer has to be the vendor's.
    pub(super) fn count(&mut self, answer: Answer) {
        if answer.status == 200 && answer.body == ANSWER.len() {
            self.answered += 1;
            self.took.push(u32::try_from(answer.asked.elapsed().as_nanos()).unwrap_or(u32::MAX));
        } else {
            self.failed += 1;
            self.failure.get_or_insert_with(|| format!("{} with {} bytes", answer.status, answer.body));
        }
    }
}
