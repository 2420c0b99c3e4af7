package dev.stillframe.tests.network;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a network does to the connections of one sender, in the order in which they come; those
 * behind the list are let alone. As text it says all that is needed to repeat it. Immutable.
 *
 * @param connections first, second, ...
 */
record NetworkPlan(List<ConnectionPlan> connections) {
    /** A network that does no harm. */
    static final NetworkPlan CALM = new NetworkPlan(List.of());

    /** What happens to one connection. */
    record ConnectionPlan(Door door, List<Fault> toReceiver, List<Fault> toSender) {
        /** Nothing. */
        static final ConnectionPlan CALM =
                new ConnectionPlan(new Door.Open(), List.of(), List.of());

        ConnectionPlan {
            toReceiver = sorted(toReceiver);
            toSender = sorted(toSender);
        }

        /** Only these on the way to the receiver. */
        static ConnectionPlan toReceiver(Fault... faults) {
            return new ConnectionPlan(new Door.Open(), List.of(faults), List.of());
        }

        /** Only these on the way to the sender. */
        static ConnectionPlan toSender(Fault... faults) {
            return new ConnectionPlan(new Door.Open(), List.of(), List.of(faults));
        }

        /** Only this at the door. */
        static ConnectionPlan door(Door door) {
            return new ConnectionPlan(door, List.of(), List.of());
        }

        Stream<Fault> faults() {
            return Stream.concat(toReceiver.stream(), toSender.stream());
        }

        private static List<Fault> sorted(List<Fault> faults) {
            return faults.stream().sorted(Comparator.comparingLong(Fault::at)).toList();
        }
    }

    NetworkPlan {
        connections = List.copyOf(connections);
    }

    static NetworkPlan of(ConnectionPlan... connections) {
        return new NetworkPlan(List.of(connections));
    }

    /** The plan of connection {@code number}, which counts from 0. */
    ConnectionPlan connection(int number) {
        return number < connections.size() ? connections.get(number) : ConnectionPlan.CALM;
    }

    Stream<Fault> faults() {
        return connections.stream().flatMap(ConnectionPlan::faults);
    }

    /** Whether every byte of every connection arrives as it was sent, sooner or later. */
    boolean losesNothing() {
        return faults().allMatch(
                                fault ->
                                        switch (fault) {
                                            case Fault.Stall _, Fault.Drip _, Fault.Limit _ -> true;
                                            case Fault.Cut _, Fault.BlackHole _, Fault.Flip _ ->
                                                    false;
                                        })
                && connections.stream()
                        .allMatch(
                                connection ->
                                        switch (connection.door()) {
                                            case Door.Open _, Door.HeldBack _ -> true;
                                            case Door.Refused _, Door.Down _ -> false;
                                        });
    }
}
