//! Many jobs on a few workers, largest first.
use crate::schedule::{self, ScheduledJob};

/// Runs `work` on every job, at most `workers` at a time, the largest `size` first, so that no worker is left alone
/// with a large one at the end. `done` gets each result as it comes; one job's failure does not stop the others.
///
/// Workers are tasks on the current tokio runtime; dropping the future stops them.
///
/// # Panics
/// If `work` did, once the other workers have ended.
pub async fn run<J, R, F>(
    jobs: Vec<J>,
    workers: usize,
    size: impl Fn(&J) -> u64,
    work: impl Fn(J) -> F,
    mut done: impl FnMut(R),
) where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let jobs: Vec<(ScheduledJob, J)> = jobs
        .into_iter()
        .map(|job| (ScheduledJob { size: size(&job), weight: 1, after: Vec::new() }, job))
        .collect();
    schedule::run(jobs, workers, work, |_, result| done(result)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
    }

    #[test]
    fn the_largest_comes_first_and_every_result_arrives() {
        block_on(async {
            let mut order = Vec::new();
            run(vec![3_u64, 9, 5], 1, |n| *n, |n| async move { n }, |n| order.push(n)).await;
            assert_eq!(order, [9, 5, 3]);
        });
    }

    #[test]
    fn no_more_than_the_workers_run_at_once() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        block_on(async {
            let work = |()| async {
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(running, Ordering::SeqCst);
                tokio::task::yield_now().await;
                RUNNING.fetch_sub(1, Ordering::SeqCst);
            };
            let mut count = 0;
            run(vec![(); 20], 3, |()| 0, work, |()| count += 1).await;
            assert_eq!((count, MOST.load(Ordering::SeqCst)), (20, 3));
        });
    }

    #[test]
    fn a_panic_of_one_job_is_not_lost() {
        let mut arrived = Vec::new();
        let work = |n: u64| async move {
            assert_ne!(n, 2, "the second job");
            n
        };
        let run = || block_on(run(vec![1, 2, 3], 3, |n| *n, work, |n| arrived.push(n)));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
        let message = panic.downcast_ref::<String>().map_or("", String::as_str);
        assert!(message.contains("the second job"), "{message}");
        arrived.sort_unstable();
        assert_eq!(arrived, [1, 3]);
    }

    #[test]
    fn no_jobs_is_no_work() {
        block_on(run(Vec::<u64>::new(), 4, |n| *n, |n| async move { n }, |_| panic!("there was no job")));
    }
}
