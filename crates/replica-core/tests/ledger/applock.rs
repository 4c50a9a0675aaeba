//! Application locks: shared by some or held by one, given back or gone with the session.
use std::time::Duration;

use replica_core::session::{
    Session,
    applock::{self, LockMode},
};

use crate::util::{LedgerStage, run};

async fn take(session: &mut Session, mode: LockMode) -> bool {
    applock::take(session, "a name", mode, Duration::ZERO).await.unwrap()
}

#[test]
fn a_name_is_shared_or_held_by_one() {
    let stage = LedgerStage::without_ledger();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let mut three = stage.session().await;
        assert!(take(&mut one, LockMode::Shared).await && take(&mut two, LockMode::Shared).await);
        assert!(!take(&mut three, LockMode::Exclusive).await);
        applock::release(&mut one, "a name").await.unwrap();
        assert!(!take(&mut three, LockMode::Exclusive).await);
        // Not held any more: nothing to give back, and no error.
        applock::release(&mut one, "a name").await.unwrap();
        applock::release(&mut two, "a name").await.unwrap();
        assert!(take(&mut three, LockMode::Exclusive).await);
        assert!(!take(&mut one, LockMode::Shared).await);
        drop(three);
        assert!(applock::take(&mut one, "a name", LockMode::Shared, Duration::from_secs(60)).await.unwrap());
    });
}
