"""How a front that leaves hands the clients that it holds over to its successor."""
