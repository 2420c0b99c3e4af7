package dev.stillframe.transport.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.wire.Frames;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.RawPeer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A host that says of its image what takes more of the reader than there is, or what cannot be. */
@Timeout(60)
class LyingImageTest {
    private static final int PAGES = 1000;
    private static final Room ROOM = new Room(4 << 20, (long) PAGES * PageRecords.RECORD_BYTES);

    /** A layout that never comes to its end. */
    @Test
    void partsThatRepeat() throws Exception {
        Message part = layout(2L * Limits.PART_BYTES, new byte[Limits.PART_BYTES]);
        assertRefused(PAGES, Collections.nCopies(100, part), "parts come in order");
    }

    @Test
    void partsThatChangeTheirLength() throws Exception {
        Message first = layout(3L * Limits.PART_BYTES, spaces());
        Message second =
                new Message.LayoutPart(
                        new Message.Part(2L * Limits.PART_BYTES, Limits.PART_BYTES, spaces()));
        assertRefused(PAGES, List.of(first, second), "parts come in order");
    }

    @Test
    void layoutsOfWhichTooMuchCouldBeMade() throws Exception {
        byte[] part = spaces();
        byte[] strings = ("[" + "\"\",".repeat(50_000)).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(strings, 0, part, 0, strings.length);
        assertRefused(
                PAGES, List.of(layout(2L * part.length, part)), "heap, more than the 4194304");
    }

    @Test
    void listsOfWhatIsMissingOfWhichTooMuchCouldBeMade() throws Exception {
        byte[] part = spaces();
        byte[] strings = ("[" + "\"\",".repeat(50_000)).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(strings, 0, part, 0, strings.length);
        Message missing = new Message.MissingPart(new Message.Part(2L * part.length, 0, part));
        assertRefused(PAGES, List.of(layout(PAGES), missing), "heap, more than the 4194304");
    }

    @Test
    void anotherCountOfPagesThanTheLayoutHas() throws Exception {
        assertRefused(PAGES - 1, List.of(layout(PAGES)), "but 999 of 4096 were announced");
    }

    /** Nothing is allocated for more pages than there can be, however many the layout has. */
    @Test
    void morePagesThanThereIsMemoryForTheirRecords() throws Exception {
        for (long pages : new long[] {PAGES + 1, 1L << 34}) {
            assertRefused(pages, List.of(layout(pages)), "has memory for the records of 1000");
        }
    }

    private static byte[] spaces() {
        return " ".repeat(Limits.PART_BYTES).getBytes(StandardCharsets.US_ASCII);
    }

    private static Message layout(long pages) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(SampleImage.layout(pages));
        return layout(json.length, json);
    }

    private static Message layout(long totalBytes, byte[] first) {
        return new Message.LayoutPart(new Message.Part(totalBytes, 0, first));
    }

    private static void assertRefused(long pages, List<Message> said, String words)
            throws Exception {
        List<Message> all = new ArrayList<>();
        all.add(new Message.Found(20_000, 4096, pages, new byte[RootHash.BYTES]));
        all.addAll(said);
        CompletableFuture<Void> played = new CompletableFuture<>();
        try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.ofPlatform().name("liar").start(() -> play(listener, all, played));
            ReaderOptions options =
                    ReaderOptions.DEFAULT.withRoom(ROOM).withPatience(Duration.ZERO);
            InetSocketAddress address = (InetSocketAddress) listener.getLocalSocketAddress();
            assertThatThrownBy(() -> RemoteImage.open(address, "image", options).close())
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(words);
            played.get(20, TimeUnit.SECONDS);
        }
    }

    private static void play(
            ServerSocket listener, List<Message> said, CompletableFuture<Void> played) {
        try (RawPeer reader = new RawPeer(listener.accept())) {
            assertThat(reader.hear()).isInstanceOf(Message.Read.class);
            for (Message message : said) {
                reader.flood(Frames.of(message));
            }
            played.complete(null);
        } catch (Exception | AssertionError e) {
            played.completeExceptionally(e);
        }
    }
}
