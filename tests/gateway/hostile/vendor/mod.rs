//! A vendor that fails in every way: what is no answer is refused, what is one comes back as it is, nobody gets what
//! was meant for somebody else, and nothing that changes something is sent twice.

mod answers;
mod bad;
mod cases;
mod chaos;
mod connections;
mod large;
mod throttling;
