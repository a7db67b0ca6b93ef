//! Guides: how to use this crate in a program, one task at a time.
//!
//! | guide | for |
//! |---|---|
//! | [`options`] | precision, ranges, bounds, recent samples, windows, exemplars and ownership, with the memory that each takes |
//! | [`labels`] | families on a hot path, and which labels not to have |
//! | [`threads`] | servers without a runtime: one thread for each core |
//! | [`asynchronous`] | futures, cancellation and panics |
//! | [`control`] | controllers that read a percentile and act on it |
//! | [`resets`] | resets, restarts, when series began, and Prometheus' `rate()` |
//! | [`exporting`] | who can read metrics, and how; HdrHistogram's tools; an exporter of your own |
//! | [`testing`] | tests of code that uses this crate |
//! | [`migration`] | programs that use `prometheus`, `prometheus-client` or `metrics` |
//!
//! What needs another crate is documented there:
//!
//! | guide | for |
//! |---|---|
//! | `epoch_metrics_axum::guide`, in `integrations/axum` | an axum service in three lines, and metrics of your own in its handlers |
//! | `epoch_metrics_facade::guide`, in `integrations/metrics` | libraries that record through the `metrics` facade |
//! | `epoch_metrics_opentelemetry::guide`, in `integrations/opentelemetry` | OTLP: temporality, exemplars of the current span, gRPC and TLS |

#[doc = include_str!("asynchronous.md")]
pub mod asynchronous {}

#[doc = include_str!("control.md")]
pub mod control {}

#[doc = include_str!("exporting.md")]
pub mod exporting {}

#[doc = include_str!("labels.md")]
pub mod labels {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("options.md")]
pub mod options {}

#[doc = include_str!("resets.md")]
pub mod resets {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("threads.md")]
pub mod threads {}
