//! The program from its command line: what it prints, where it refuses, how it ends.

mod audit;
mod check;
mod demo;
mod descriptors;
mod ending;
mod reading;
mod refusing;
mod supervised;
