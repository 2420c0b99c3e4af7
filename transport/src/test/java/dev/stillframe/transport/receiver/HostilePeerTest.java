package dev.stillframe.transport.receiver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.transport.LeakCheck;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Peers that are slow, greedy or gone: they are given up, and others are served. */
@Timeout(120)
@ExtendWith(LeakCheck.class)
class HostilePeerTest extends HostileFixture {
    private static final int PAGE = SampleBatch.PAGE;

    @Test
    void aPeerThatIgnoresTheWindowIsRefused() throws Exception {
        try (RawPeer peer = siege.begun(1000)) {
            MemorySink sink = siege.loopback.nextSink();
            sink.hold();
            byte[] page = new byte[PAGE];
            for (int i = 0; i < 5; i++) {
                peer.say(Frames.of(i + 1, new SampleBatch().addData(i, page), PAGE));
            }
            assertThat(Siege.assertError(peer, ErrorCode.LIMIT)).contains("3 granted");
            assertThat(siege.loopback.gauge("memory.bytes"))
                    .isLessThanOrEqualTo(
                            4.0 * BatchBuffer.MEMORY_BYTES + Siege.LIMITS.maxDocumentHeapBytes());
            sink.letGo();
            Loopback.await(() -> siege.loopback.gauge("memory.bytes") == 0);
        }
    }

    @Test
    void aSinkThatBlocksHoldsUpNobodyElse() throws Exception {
        try (RawPeer peer = siege.begun(10)) {
            MemorySink blocked = siege.loopback.nextSink();
            blocked.hold();
            byte[] page = new byte[PAGE];
            for (int i = 0; i < 3; i++) {
                peer.say(Frames.of(i + 1, new SampleBatch().addData(i, page), PAGE));
            }
            SampleImage image = SampleImage.of(100, random);
            try (Sender other = siege.loopback.connect("good")) {
                image.send(other, 30);
            }
            MemorySink sink = siege.loopback.nextSink();
            assertThat(sink.closed.get(20, TimeUnit.SECONDS)).isEmpty();
            assertThat(sink.pages()).isEqualTo(image.pages());
            assertThat(blocked.closed).isNotDone();
            blocked.letGo();
        }
    }

    @Test
    void silenceBeforeHelloIsEnded() throws Exception {
        try (RawPeer peer = siege.raw()) {
            assertThat(Siege.assertError(peer, ErrorCode.TIMEOUT)).contains("HELLO");
            assertThat(siege.loopback.nextEvent()).startsWith("failed  ").contains("HELLO");
        }
    }

    @Test
    void silenceAfterHelloIsEnded() throws Exception {
        try (RawPeer peer = siege.begun(10)) {
            assertThat(Siege.assertError(peer, ErrorCode.TIMEOUT)).contains("nothing came");
        }
        assertThat(siege.loopback.nextSink().closed.get(20, TimeUnit.SECONDS))
                .contains("nothing came");
    }

    @Test
    void bytesThatTrickleAreNotSignsOfLife() throws Exception {
        byte[] frame = Frames.of(1, new SampleBatch().addRandom(0, 10, random), PAGE);
        Thread trickle;
        try (RawPeer peer = siege.begun(10)) {
            trickle =
                    Thread.ofPlatform().daemon().name("trickle").start(() -> trickle(peer, frame));
            assertThat(Siege.assertError(peer.lane(), ErrorCode.TIMEOUT)).contains("nothing came");
        }
        assertThat(trickle.join(Duration.ofSeconds(20))).isTrue();
    }

    /** Answers must not pile up for a peer that does not read them. */
    @Test
    void aFloodOfPingsGetsFewAnswers() throws Exception {
        int pings = 600_000;
        ByteArrayOutputStream many = new ByteArrayOutputStream();
        for (int stamp = 1; stamp <= pings; stamp++) {
            many.writeBytes(Frames.of(new Message.Ping(stamp)));
        }
        try (Siege patient = Siege.patient(random);
                RawPeer peer = patient.welcomed("flood")) {
            peer.say(many.toByteArray()); // the receiver reads on, though nobody reads its answers
            int pongs = 0;
            Message heard = peer.hear();
            while (!new Message.Pong(pings).equals(heard)) {
                assertThat(heard).isInstanceOf(Message.Pong.class);
                if (++pongs % 1000 == 0) {
                    peer.say(new Message.KeepAlive());
                }
                heard = peer.hear();
            }
            assertThat(pongs).isBetween(1, pings - 2);
        }
    }

    /**
     * It says that it is there, but never reads an answer: what waits for it is little, and it is
     * given up.
     */
    @Test
    void aPeerThatNeverReadsIsEndedAndOthersAreServed() throws Exception {
        Thread flood;
        try (RawPeer peer = siege.welcomed("deaf")) {
            MemorySink sink = siege.loopback.nextSink();
            byte[] pings = Frames.of(new Message.Ping(1));
            flood =
                    Thread.ofPlatform()
                            .daemon()
                            .name("flood")
                            .start(() -> floodForEver(peer, pings));
            SampleImage image = SampleImage.of(100, random);
            try (Sender other = siege.loopback.connect("good")) {
                image.send(other, 30);
            }
            assertThat(siege.loopback.nextSink().closed.get(20, TimeUnit.SECONDS)).isEmpty();
            assertThat(sink.closed.get(20, TimeUnit.SECONDS))
                    .contains("nothing was taken for 1.0 s");
            Loopback.await(
                    () ->
                            siege.loopback.gauge("connections.open")
                                    == 0); // also what could not be said
        }
        assertThat(flood.join(Duration.ofSeconds(20))).isTrue();
    }

    private static void floodForEver(RawPeer peer, byte[] pings) {
        byte[] many = new byte[2000 * pings.length];
        for (int at = 0; at < many.length; at += pings.length) {
            System.arraycopy(pings, 0, many, at, pings.length);
        }
        try {
            while (true) {
                peer.say(many);
            }
        } catch (IOException e) {
            System.out.println("cut while flooding: " + e.getMessage());
        }
    }

    /** Each takes the place of a stranger, no longer than until the deadline. */
    @Test
    void firstFramesThatAreDrippedAreEndedByTheDeadline() throws Exception {
        List<RawPeer> peers = new ArrayList<>();
        List<Thread> drips = new ArrayList<>();
        try {
            for (int i = 0; i < Siege.LIMITS.maxStrangers(); i++) {
                RawPeer peer = siege.raw();
                peers.add(peer);
                byte[] hello = Frames.of(siege.hello("dripped"));
                drips.add(
                        Thread.ofPlatform()
                                .daemon()
                                .name("drip-" + i)
                                .start(() -> drip(peer, hello)));
            }
            Loopback.await(
                    () -> siege.loopback.gauge("connections.open") == Siege.LIMITS.maxStrangers());
            try (RawPeer more = siege.raw()) {
                Siege.assertError(more, ErrorCode.BUSY);
            }
            for (RawPeer peer : peers) {
                assertThat(Siege.assertError(peer, ErrorCode.TIMEOUT)).contains("HELLO");
            }
        } finally {
            for (RawPeer peer : peers) {
                peer.close();
            }
        }
        for (Thread drip : drips) {
            assertThat(drip.join(Duration.ofSeconds(20))).isTrue();
        }
    }

    /** A frame of which the last byte never comes. */
    private static void drip(RawPeer peer, byte[] frame) {
        try {
            for (int at = 0; at < frame.length - 1; at++) {
                peer.say(new byte[] {frame[at]});
                LockSupport.parkNanos(10_000_000);
            }
        } catch (IOException e) {
            System.out.println("cut while dripping: " + e.getMessage());
        }
    }

    /**
     * A sender that is killed: whatever part of a frame has come, and whether the system resets or
     * just closes.
     */
    @ParameterizedTest
    @CsvSource({"1, true", "19, false", "20, true", "50, false", "1000, true", "20000, false"})
    void aSenderThatIsKilledInAFrameIsTold(int bytes, boolean reset) throws Exception {
        byte[] batch = Frames.of(1, new SampleBatch().addRandom(0, 10, random), PAGE);
        RawPeer peer = siege.begun(10);
        MemorySink sink = siege.loopback.nextSink();
        peer.say(Arrays.copyOf(batch, bytes));
        Loopback.await(() -> siege.loopback.gauge("memory.bytes") > 0); // its layout, at least
        if (reset) {
            peer.reset();
        } else {
            peer.close();
        }
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("connection was lost");
        assertThat(siege.loopback.nextEvent()).startsWith("started");
        assertThat(siege.loopback.nextEvent())
                .startsWith("failed hostile")
                .contains("connection was lost");
        Loopback.await(() -> siege.loopback.gauge("memory.bytes") == 0);
    }

    /** The same of a document, on the control connection. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aSenderThatIsKilledInADocumentIsTold(boolean reset) throws Exception {
        byte[] part =
                Frames.of(
                        new Message.LayoutPart(
                                new Message.Part(300_000, 0, new byte[Limits.PART_BYTES])));
        RawPeer peer = siege.welcomed("killed");
        MemorySink sink = siege.loopback.nextSink();
        peer.say(Arrays.copyOf(part, part.length - 1));
        if (reset) {
            peer.reset();
        } else {
            peer.close();
        }
        assertThat(sink.closed.get(20, TimeUnit.SECONDS)).contains("connection was lost");
    }

    @Test
    void moreSessionsThanAllowedAreTurnedAway() throws Exception {
        try (RawPeer first = siege.welcomed("first");
                RawPeer second = siege.welcomed("second");
                RawPeer third = siege.raw()) {
            assertThat(Siege.assertError(third.say(siege.hello("third")), ErrorCode.BUSY))
                    .contains("2 sessions");
            first.say(new Message.Abort("enough"));
            second.say(new Message.Abort("enough"));
        }
    }

    @Test
    void moreConnectionsThanAllowedAreTurnedAway() throws Exception {
        List<RawPeer> peers = new ArrayList<>();
        try {
            for (int i = 0; i < 4; i++) {
                peers.add(siege.raw());
            }
            Loopback.await(() -> siege.loopback.gauge("connections.open") == 4);
            RawPeer fifth = siege.raw();
            peers.add(fifth);
            assertThat(Siege.assertError(fifth, ErrorCode.BUSY)).contains("4 connections");
        } finally {
            for (RawPeer peer : peers) {
                peer.close();
            }
        }
    }

    @Test
    void connectionsThatBreakOffAreCleanedUp() throws Exception {
        byte[] batch = Frames.of(1, new SampleBatch().addRandom(0, 10, random), PAGE);
        try (RawPeer peer = siege.raw()) {
            peer.reset();
        }
        try (RawPeer peer = siege.begun(10)) {
            peer.say(Arrays.copyOf(batch, batch.length / 2)).reset();
        }
        assertThat(siege.loopback.nextSink().closed.get(20, TimeUnit.SECONDS))
                .contains("connection was lost");
        try (RawPeer peer = siege.begun(10)) {
            peer.say(batch);
        }
        assertThat(siege.loopback.nextSink().closed.get(20, TimeUnit.SECONDS))
                .contains("connection was lost");
        assertThat(siege.loopback.errors("cut")).isGreaterThanOrEqualTo(2);
    }

    /** A byte whenever 10 ms have passed: far too slow for a frame in a second. */
    private static void trickle(RawPeer peer, byte[] frame) {
        try {
            for (byte next : frame) {
                peer.lane().say(new byte[] {next});
                peer.say(new Message.KeepAlive());
                LockSupport.parkNanos(10_000_000);
            }
        } catch (IOException e) {
            System.out.println("cut while trickling: " + e.getMessage());
        }
    }
}
