package dev.stillframe.agent.job;

import dev.stillframe.agent.doctor.Readiness.Finding;
import java.util.List;
import java.util.function.Supplier;

/**
 * What the commands need of the other modules; tests hand in fakes. Immutable.
 *
 * @param taker takes snapshots of processes
 * @param machines takes snapshots of virtual machines
 * @param watches gets hold of processes that are captured again and again
 * @param opener opens the way to where images go
 * @param receptions starts receivers
 * @param readiness tells whether snapshots will work here
 */
public record Parts(
        SnapshotTaker taker,
        MachineTaker machines,
        Watched.Starter watches,
        Destination.Opener opener,
        Reception.Starter receptions,
        Supplier<List<Finding>> readiness) {}
