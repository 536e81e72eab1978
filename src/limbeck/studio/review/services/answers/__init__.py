"""What people decide about items: answers, bulk acceptance, adjudication, and the state that follows from them."""
