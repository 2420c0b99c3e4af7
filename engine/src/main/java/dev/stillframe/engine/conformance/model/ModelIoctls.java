package dev.stillframe.engine.conformance.model;

import dev.stillframe.engine.conformance.Control;
import dev.stillframe.engine.conformance.Message;
import dev.stillframe.engine.conformance.Scan;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.PageScan;
import dev.stillframe.engine.mmu.Userfault;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * The ioctls of a userfaultfd and of a page map, and what is read of a userfaultfd, as calls of the
 * emulated MMU. Stateless.
 */
final class ModelIoctls {
    private ModelIoctls() {}

    /** The result, or a negative errno; {@code holder} is who makes the call. */
    static long control(Userfault uffd, EmulatedProcess holder, Control control) {
        return switch (control) {
            case Control.Api(long version, long features) -> uffd.api(version, features).result();
            case Control.Register(long start, long bytes, int modes) ->
                    uffd.register(start, bytes, modes);
            case Control.Unregister(long start, long bytes) -> uffd.unregister(start, bytes);
            case Control.WriteProtect(long start, long bytes, int mode) ->
                    uffd.writeProtect(start, bytes, mode);
            case Control.NullArgument() -> -Errno.EFAULT.number();
            case Control.Wake(long start, long bytes) -> uffd.wake(start, bytes);
            case Control.Copy(long start, byte[] data, int mode) ->
                    uffd.fill().copy(start, data, mode).result();
            case Control.ZeroPage(long start, long bytes) ->
                    uffd.fill().zeroPage(start, bytes, 0).result();
            case Control.Move(long start, long source, long bytes) ->
                    uffd.fill().move(holder, start, source, bytes, 0).result();
            case Control.Continue(long start, long bytes, int mode) ->
                    uffd.fill().resume(start, bytes, mode).result();
            case Control.Poison(long start, long bytes) ->
                    uffd.fill().poison(start, bytes, 0).result();
        };
    }

    /** What a reader is told; {@code childName} names the descriptor that a fork brings. */
    static Message message(
            dev.stillframe.engine.mmu.Message message,
            IntFunction<String> threadName,
            Function<Userfault, String> childName) {
        return switch (message) {
            case dev.stillframe.engine.mmu.Message.Fault fault ->
                    Message.fault(kind(fault), fault.address(), threadName.apply(fault.threadId()));
            case dev.stillframe.engine.mmu.Message.Fork(Userfault forked) ->
                    new Message(Message.Kind.FORK, 0, 0, 0, childName.apply(forked));
            case dev.stillframe.engine.mmu.Message.Remap(long from, long to, long bytes) ->
                    new Message(Message.Kind.REMAP, from, from + bytes, to, "");
            case dev.stillframe.engine.mmu.Message.Remove(long start, long end) ->
                    new Message(Message.Kind.REMOVE, start, end, 0, "");
            case dev.stillframe.engine.mmu.Message.Unmap(long start, long end) ->
                    new Message(Message.Kind.UNMAP, start, end, 0, "");
        };
    }

    private static Message.Kind kind(dev.stillframe.engine.mmu.Message.Fault fault) {
        if (fault.isMissing()) {
            return fault.write() ? Message.Kind.MISSING_WRITE : Message.Kind.MISSING;
        }
        return fault.wp() ? Message.Kind.WP : Message.Kind.MINOR;
    }

    static Scan.Answer scan(EmulatedProcess target, Scan scan) {
        PageScan.Result result =
                target.scan(
                        new PageScan.Request(
                                scan.start(),
                                scan.end(),
                                scan.flags(),
                                scan.regionsMax(),
                                0,
                                0,
                                scan.mask(),
                                0,
                                scan.mask()));
        List<Scan.Region> regions =
                result.regions().stream()
                        .map(region -> new Scan.Region(region.start(), region.end()))
                        .toList();
        return new Scan.Answer(result.result(), regions);
    }
}
