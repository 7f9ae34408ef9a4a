use tokio::sync::watch;

/// Tells how far the trail is on disk. It keeps nothing alive: the trail closes as if it were not there.
#[derive(Clone, Debug)]
pub struct SyncedView(watch::Receiver<u64>);

impl SyncedView {
    /// Both ends, for a trail of which everything up to line `last` is on disk.
    pub(super) fn new(last: u64) -> (watch::Sender<u64>, Self) {
        let (sender, receiver) = watch::channel(last);
        (sender, Self(receiver))
    }

    /// The sequence number of the last line that is on disk.
    pub fn sequence(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until line `sequence` is on disk, and says which line is the last that is. `None` once the trail is closed
    /// and ends before that line.
    pub async fn reached(&mut self, sequence: u64) -> Option<u64> {
        self.0.wait_for(|synced| *synced >= sequence).await.ok().map(|synced| *synced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_says_what_is_on_disk_and_when_nothing_more_will_be() {
        let (sender, mut view) = SyncedView::new(3);
        assert_eq!((view.sequence(), view.reached(3).await), (3, Some(3)));
        let mut other = view.clone();
        let waiting = tokio::spawn(async move { other.reached(5).await });
        sender.send_replace(4);
        sender.send_replace(7);
        assert_eq!(waiting.await.unwrap(), Some(7));
        drop(sender);
        assert_eq!((view.reached(7).await, view.reached(8).await), (Some(7), None));
    }
}
