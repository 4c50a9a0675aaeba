//! A model of the ledger's claims and leases: every interleaving of three hosts over their windows, with crashes, leases
//! that run out, late returns and lost answers, within bounds. Pure, and of no use but to tests.
//!
//! # What is modelled
//! - The ledger, as the values that decide ([`record`]). A function of `replica_core::ledger` is one step, and so is each
//!   transaction of a host: it ends with the statement that locks the window's row until the COMMIT, so that what another
//!   session did to that row comes before or after. `leave` is two steps: between its two statements others may leave, too.
//! - A host ([`host`]), as the order in which `copy::windows`, its workers and `copy::indexes` call the ledger: one worker,
//!   one index to disable, a window's old rows and its new ones in a transaction each. Hosts begin with `--shared`, and each
//!   has an old picture of the table: it may disable an index that another one has disabled meanwhile.
//! - What goes wrong, so many times in an interleaving: a host dies; its lease runs out while it goes on; a signal; an
//!   answer to a claim or to a COMMIT is lost; rows that were read back are different; the server refuses to disable or to
//!   rebuild the index. The lease of a host that has died runs out, and a host that goes on may renew its own, at any time.
//!
//! # What is abstracted
//! Rows (old ones, or new ones so many times), time (a lease has run out or has not), how `next` finds a candidate that its
//! UPDATE then asks for again, the transaction of `begin`, the table's other application locks, windows that have failed,
//! what `--resume` counts, several workers of one host, and runs without windows.
//!
//! # What holds
//! In every world: a window that is complete has its rows once, and an index that is disabled is on record. Somebody can
//! always go on. When all hosts have gone: if one has ended well and none has given a window back, all windows are complete;
//! if all have ended well, the index is back; and a run that comes later completes all windows and brings the index back.
//!
//! # What ties it to the code
//! The ledger is written down here once more, so the model proves nothing by itself. `replica-core`'s tests (`ledger`,
//! `model`) put a ledger as the model knows it into the sandbox's tables, call the function that a step stands for, and
//! compare answer and tables with the model's. What is not tied: that a host calls these functions in this order.
pub mod explore;
pub mod host;
pub mod record;
