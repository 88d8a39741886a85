//! The `branchline` command.

fn main() {}
