//! One application's tokens: several live at once, each until its expiry or until all are revoked.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::generate;

/// Live tokens of one application; with one more, the one that expires first goes.
const MAX_TOKENS: usize = 1000;

/// The live tokens of one application.
#[derive(Default)]
pub(super) struct Tokens {
    expiries: HashMap<String, Instant>,
}

impl Tokens {
    /// A new token. Older ones stay as they are.
    pub(super) fn issue(&mut self, lifetime: Duration, now: Instant) -> String {
        self.expiries.retain(|_, expiry| *expiry > now);
        if self.expiries.len() >= MAX_TOKENS
            && let Some(first) = self.expiries.iter().min_by_key(|(_, expiry)| **expiry)
        {
            let first = first.0.clone();
            self.expiries.remove(&first);
        }
        let token = generate::token();
        self.expiries.insert(token.clone(), now + lifetime);
        token
    }

    /// Whether `token` was issued here and is still alive.
    pub(super) fn accepts(&self, token: &str, now: Instant) -> bool {
        self.expiries.get(token).is_some_and(|expiry| *expiry > now)
    }

    /// How many are alive.
    pub(super) fn live(&self, now: Instant) -> usize {
        self.expiries.values().filter(|expiry| **expiry > now).count()
    }

    /// Ends all of them at once and says how many were alive.
    pub(super) fn revoke(&mut self, now: Instant) -> usize {
        let live = self.live(now);
        self.expiries.clear();
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_live_at_once_each_until_its_expiry() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        let short = tokens.issue(Duration::from_secs(1), now);
        let long = tokens.issue(Duration::from_secs(9), now);
        assert!(tokens.accepts(&short, now) && tokens.accepts(&long, now));
        let later = now + Duration::from_secs(1);
        assert!(!tokens.accepts(&short, later) && tokens.accepts(&long, later));
        assert_eq!((tokens.revoke(later), tokens.live(later)), (1, 0));
    }

    #[test]
    fn their_number_is_bounded() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        for second in 1..=1005 {
            tokens.issue(Duration::from_secs(second), now);
        }
        assert_eq!(tokens.live(now), MAX_TOKENS);
    }
}
