//! Being watched: the numbers that the admin port serves.

mod numbers;
