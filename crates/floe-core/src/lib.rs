//! The vocabulary of ICE: candidates, priorities, credentials, roles and their SDP text
