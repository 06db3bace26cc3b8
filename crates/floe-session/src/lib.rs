//! The whole ICE state machine, sans-IO: gathering, checks and nomination wired together (RFC 8445)
