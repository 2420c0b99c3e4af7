package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Control;
import dev.stillframe.engine.conformance.Message;
import dev.stillframe.engine.conformance.Scan;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The ioctls of a userfaultfd and of a page map, made by an actor. Sources: {@code
 * include/uapi/linux/userfaultfd.h} and {@code include/uapi/linux/fs.h}, Linux 6.12. Stateless.
 */
final class Ioctls {
    static final int MESSAGE_BYTES = 32;

    private static final long API = 0xc018aa3fL;
    private static final long REGISTER = 0xc020aa00L;
    private static final long UNREGISTER = 0x8010aa01L;
    private static final long WAKE = 0x8010aa02L;
    private static final long COPY = 0xc028aa03L;
    private static final long ZEROPAGE = 0xc020aa04L;
    private static final long MOVE = 0xc028aa05L;
    private static final long WRITEPROTECT = 0xc018aa06L;
    private static final long CONTINUE = 0xc020aa07L;
    private static final long POISON = 0xc020aa08L;
    private static final long PAGEMAP_SCAN = 0xc0606610L;
    private static final int SCAN_BYTES = 96;
    private static final int REGION_BYTES = 24;

    private Ioctls() {}

    /** The result, or a negative errno. */
    static long control(Actor actor, int fd, Control control) {
        return switch (control) {
            case Control.Api(long version, long features) -> api(actor, fd, version, features);
            case Control.Register(long start, long bytes, int modes) ->
                    call(actor, fd, REGISTER, start, bytes, modes, 0);
            case Control.Unregister(long start, long bytes) ->
                    call(actor, fd, UNREGISTER, start, bytes);
            case Control.WriteProtect(long start, long bytes, int mode) ->
                    call(actor, fd, WRITEPROTECT, start, bytes, mode);
            case Control.NullArgument() -> actor.call(Call.IOCTL, fd, WRITEPROTECT, 0);
            case Control.Wake(long start, long bytes) -> call(actor, fd, WAKE, start, bytes);
            case Control.Copy(long start, byte[] data, int mode) ->
                    call(actor, fd, COPY, start, placed(actor, data), data.length, mode, 0);
            case Control.ZeroPage(long start, long bytes) ->
                    call(actor, fd, ZEROPAGE, start, bytes, 0, 0);
            case Control.Move(long start, long source, long bytes) ->
                    call(actor, fd, MOVE, start, source, bytes, 0, 0);
            case Control.Continue(long start, long bytes, int mode) ->
                    call(actor, fd, CONTINUE, start, bytes, mode, 0);
            case Control.Poison(long start, long bytes) ->
                    call(actor, fd, POISON, start, bytes, 0, 0);
        };
    }

    private static long placed(Actor actor, byte[] data) {
        long at = actor.bulk(data.length);
        actor.process().memory().write(at, data);
        return at;
    }

    private static long call(Actor actor, int fd, long request, long... words) {
        return actor.call(Call.IOCTL, fd, request, actor.structure(bytes(words)));
    }

    /**
     * A refused handshake must clear its argument: that is how a program sees that nothing was
     * granted.
     */
    private static long api(Actor actor, int fd, long version, long features) {
        long at = actor.structure(bytes(version, features, -1));
        long result = actor.call(Call.IOCTL, fd, API, at);
        byte[] after = actor.process().memory().read(at, 3 * Long.BYTES);
        if (result < 0 && !Arrays.equals(after, new byte[after.length])) {
            throw new IllegalStateException(
                    "UFFDIO_API failed with %d and did not clear its argument".formatted(result));
        }
        return result;
    }

    static byte[] bytes(long... words) {
        ByteBuffer buffer =
                ByteBuffer.allocate(words.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            buffer.putLong(word);
        }
        return buffer.array();
    }

    /** A message as read(2) gave it; {@code threadName} knows thread numbers. */
    static Message message(ByteBuffer at, IntFunction<String> threadName) {
        int event = at.get(0) & 0xff;
        return switch (event) {
            case 0x12 ->
                    Message.fault(
                            kind(at.getLong(8)), at.getLong(16), threadName.apply(at.getInt(24)));
            case 0x13 -> new Message(Message.Kind.FORK, at.getInt(8), 0, 0, "");
            case 0x14 ->
                    new Message(
                            Message.Kind.REMAP,
                            at.getLong(8),
                            at.getLong(8) + at.getLong(24),
                            at.getLong(16),
                            "");
            case 0x15 -> new Message(Message.Kind.REMOVE, at.getLong(8), at.getLong(16), 0, "");
            case 0x16 -> new Message(Message.Kind.UNMAP, at.getLong(8), at.getLong(16), 0, "");
            default ->
                    throw new IllegalStateException(
                            "userfaultfd event 0x" + Integer.toHexString(event));
        };
    }

    private static Message.Kind kind(long flags) {
        return switch ((int) flags) {
            case 0 -> Message.Kind.MISSING;
            case 1 -> Message.Kind.MISSING_WRITE;
            case 3 -> Message.Kind.WP;
            case 4, 5 -> Message.Kind.MINOR;
            default -> throw new IllegalStateException("fault flags 0x" + Long.toHexString(flags));
        };
    }

    static Scan.Answer scan(Actor actor, int pagemap, Scan scan) {
        long vector =
                scan.regionsMax() == 0 ? 0 : actor.bulk((long) scan.regionsMax() * REGION_BYTES);
        long at =
                actor.structure(
                        bytes(
                                SCAN_BYTES,
                                scan.flags(),
                                scan.start(),
                                scan.end(),
                                0,
                                vector,
                                scan.regionsMax(),
                                0,
                                0,
                                scan.mask(),
                                0,
                                scan.mask()));
        long result = actor.call(Call.IOCTL, pagemap, PAGEMAP_SCAN, at);
        List<Scan.Region> regions = new ArrayList<>();
        if (result > 0 && vector != 0) {
            ByteBuffer found =
                    ByteBuffer.wrap(
                                    actor.process()
                                            .memory()
                                            .read(vector, (int) result * REGION_BYTES))
                            .order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < result; i++) {
                regions.add(
                        new Scan.Region(
                                found.getLong(i * REGION_BYTES),
                                found.getLong(i * REGION_BYTES + 8)));
            }
        }
        return new Scan.Answer(result, regions);
    }
}
