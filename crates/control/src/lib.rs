//! What a user interface or the command line may ask the engine
