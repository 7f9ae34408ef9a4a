mod failure;
mod queue;
