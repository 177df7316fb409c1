// SPDX-License-Identifier: Apache-2.0

// A shop's checkout, traced: a request reserves its goods in a database and charges a card, which works at the second attempt.
// Sleeps stand for the work.

#define NANOSPAN_IMPLEMENTATION  // in exactly one source file of a program
#include <nanospan.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

using namespace std::chrono_literals;

struct order {
  std::string id;
  int items;
  double total;
};

void work(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

void reserve_inventory(order const& o) {
  NANOSPAN("reserve inventory", {"order.items", o.items});
  work(10ms);
  NANOSPAN_CLIENT("UPDATE stock", {"db.system.name", "postgresql"}, {"db.namespace", "shop"}, {"db.query.summary", "UPDATE stock"},
                  {"db.query.text", "UPDATE stock SET reserved = reserved + $1 WHERE order_id = $2"});
  work(55ms);
}

bool post_charge(int attempt) {
  NANOSPAN_CLIENT("POST /v1/charges", {"http.request.method", "POST"}, {"url.full", "https://cards.example/v1/charges"},
                  {"server.address", "cards.example"}, {"server.port", 443});
  if (attempt == 1) {
    work(120ms);
    NANOSPAN_SET({"error.type", "timeout"});
    NANOSPAN_ERROR("no answer from the card network");
    return false;
  }
  work(60ms);
  NANOSPAN_SET({"http.request.resend_count", attempt - 1}, {"http.response.status_code", 201});
  return true;
}

void charge_card(order const& o) {
  NANOSPAN("charge card", {"order.total", o.total});
  for (int attempt = 1; !post_charge(attempt); ++attempt) {
    NANOSPAN_EVENT("retry", {"attempt", attempt + 1});
    work(30ms);
  }
}

void checkout(order const& o) {
  NANOSPAN_SERVER("POST /checkout", {"http.request.method", "POST"}, {"http.route", "/checkout"}, {"url.path", "/checkout"},
                  {"url.scheme", "https"}, {"order.id", o.id});
  reserve_inventory(o);
  charge_card(o);
  NANOSPAN_SET({"http.response.status_code", 200});
  // A log says what happened, a trace says where; the id leads from one to the other.
  std::fprintf(stderr, "order %s is paid  trace_id=%s\n", o.id.c_str(), nanospan::current().trace_id().hex().c_str());
}

int main() {
  nanospan::tracer_provider tracing{{.service_name = "checkout"}};  // to OTEL_EXPORTER_OTLP_ENDPOINT, else localhost:4318
  checkout({"A-1001", 3, 59.90});
}  // sends what is left, within two seconds
