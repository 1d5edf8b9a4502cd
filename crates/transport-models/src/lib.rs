//! Networks and the transport maps made of them
