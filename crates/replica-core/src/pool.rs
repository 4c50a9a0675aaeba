//! Many tables on a few workers, largest first.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Runs `work` on every job, at most `workers` at a time, the largest `size` first, so that no worker is left alone
/// with a large one at the end. `done` gets each result as it comes; one job's failure does not stop the others.
///
/// Workers are tasks on the current tokio runtime; dropping the future stops them.
///
/// # Panics
/// If `work` did, once the other workers have ended.
pub async fn run<J, R, F>(
    mut jobs: Vec<J>,
    workers: usize,
    size: impl Fn(&J) -> u64,
    work: impl Fn(J) -> F + Clone + Send + 'static,
    mut done: impl FnMut(R),
) where
    J: Send + 'static,
    R: Send + 'static,
    F: Future<Output = R> + Send,
{
    jobs.sort_by_key(|job| std::cmp::Reverse(size(job)));
    let workers = workers.clamp(1, jobs.len().max(1));
    let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
    let (results, mut finished) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let (queue, results, work) = (queue.clone(), results.clone(), work.clone());
        tasks.spawn(async move {
            // A statement of its own: the lock must not be held while the job runs.
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(job) = next() {
                if results.send(work(job).await).is_err() {
                    return;
                }
            }
        });
    }
    drop(results);
    while let Some(result) = finished.recv().await {
        done(result);
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            // Its job has no result: nobody may take what has arrived for all there is.
            std::panic::resume_unwind(panic);
        }
    }
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
