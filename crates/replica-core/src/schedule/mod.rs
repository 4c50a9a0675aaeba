//! Runs jobs that wait for each other, several at once, under one limit.
mod order;
pub mod pool;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use tokio::task::{Id, JoinError, JoinSet};

pub use order::{CopyOrder, Parent, TableReference, keys, order};

/// What the schedule knows of a job.
#[derive(Clone, Debug, Default)]
pub struct ScheduledJob {
    /// Jobs that must have ended before, well or not.
    pub after: Vec<usize>,
    /// How much of the limit it takes while it runs. More than all is all.
    pub weight: usize,
    /// Of those that may start, the largest starts first.
    pub size: u64,
}

/// Runs every job once, with at most `limit` of weight at a time; `done` gets each result as it comes, with the job's
/// place. Jobs must not wait for each other in a circle: those that do never run.
///
/// Jobs are tasks on the current tokio runtime; dropping the future stops them.
///
/// # Panics
/// If `work` did, once the other jobs have ended.
pub async fn run<J, R, F>(
    jobs: impl IntoIterator<Item = (ScheduledJob, J)>,
    limit: usize,
    mut work: impl FnMut(J) -> F,
    mut done: impl FnMut(usize, R),
) where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let (jobs, what): (Vec<ScheduledJob>, Vec<J>) = jobs.into_iter().unzip();
    // In the order in which they start. There may be tens of thousands: none is moved when another goes.
    let mut waiting: BTreeMap<(Reverse<u64>, usize), J> =
        what.into_iter().enumerate().map(|(job, what)| ((Reverse(jobs[job].size), job), what)).collect();
    let mut ended = vec![false; jobs.len()];
    let mut free = limit.max(1);
    let weight = |job: usize| jobs[job].weight.clamp(1, limit.max(1));
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, usize> = HashMap::new();
    let mut panic = None;
    loop {
        let ready = |job: usize| jobs[job].after.iter().all(|&before| ended[before]);
        // The first that is ready, even if a lighter one behind it would fit: or a heavy one would wait for ever.
        while let Some(&place) = waiting.keys().find(|(_, job)| ready(*job))
            && weight(place.1) <= free
            && let Some(what) = waiting.remove(&place)
        {
            let job = place.1;
            free -= weight(job);
            // A job's future is large, and moved several times on its way to a task unless it has a place of its own.
            running.insert(tasks.spawn(Box::pin(work(what))).id(), job);
        }
        let Some(next) = tasks.join_next_with_id().await else { break };
        let id = next.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(job) = running.remove(&id) else { continue };
        ended[job] = true;
        free += weight(job);
        match next {
            Ok((_, result)) => done(job, result),
            Err(error) => match error.try_into_panic() {
                Ok(payload) => panic = panic.or(Some(payload)),
                // Cancelled: the runtime is going down, and nobody waits for results any more.
                Err(_) => return,
            },
        }
    }
    if let Some(payload) = panic {
        // Its job has no result: nobody may take what has arrived for all there is.
        std::panic::resume_unwind(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
    }

    fn job(after: &[usize], weight: usize, size: u64) -> ScheduledJob {
        ScheduledJob { after: after.to_vec(), weight, size }
    }

    #[test]
    fn who_waits_comes_after_and_the_largest_of_the_ready_first() {
        let jobs = [job(&[2], 1, 9), job(&[], 1, 1), job(&[], 1, 5), job(&[0, 1], 1, 7)];
        let mut order = Vec::new();
        block_on(run(
            jobs.into_iter().zip(0..),
            1,
            |job| async move { job },
            |job, result| {
                assert_eq!(job, result);
                order.push(job);
            },
        ));
        assert_eq!(order, [2, 0, 1, 3]);
    }

    #[test]
    fn the_limit_holds_whatever_the_weights() {
        static WEIGHT: AtomicUsize = AtomicUsize::new(0);
        static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
        let jobs: Vec<_> = [1, 2, 3, 1, 7, 1, 2].into_iter().map(|weight| job(&[], weight, 0)).collect();
        let mut count = 0;
        let work = |job: usize| {
            let weight = jobs[job].weight.min(3);
            async move {
                SEEN.lock().unwrap().push(WEIGHT.fetch_add(weight, Ordering::SeqCst) + weight);
                tokio::task::yield_now().await;
                WEIGHT.fetch_sub(weight, Ordering::SeqCst);
            }
        };
        block_on(run(jobs.iter().cloned().zip(0..), 3, work, |_, ()| count += 1));
        let seen = SEEN.lock().unwrap();
        assert_eq!((count, seen.iter().max()), (7, Some(&3)));
        assert!(seen[0] < 3, "the first two run together");
    }

    /// The days of 179 years. It takes a fifth of a second; what grew with the square took a minute.
    #[test]
    fn tens_of_thousands_are_started_one_by_one_at_no_cost() {
        let begun = std::time::Instant::now();
        let mut count = 0;
        let jobs = vec![(job(&[], 1, 0), [0_u8; 256]); 65_536];
        block_on(run(jobs, 2, |what| async move { what.len() }, |_, _| count += 1));
        assert_eq!(count, 65_536);
        assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
    }

    #[test]
    fn nothing_to_do_ends_at_once() {
        block_on(run([], 1, |()| async {}, |_, ()| panic!("there was no job")));
    }
}
