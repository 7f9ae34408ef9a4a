mod failure;
mod faults;
mod queue;
mod recovery;
mod upkeep;
