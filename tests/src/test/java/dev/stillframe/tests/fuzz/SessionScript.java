package dev.stillframe.tests.fuzz;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.instant.PageHash;
import dev.stillframe.transport.wire.Limits;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A short input as a long stream of frames: each begins with a byte that says what is sent next,
 * and numbers for it. So changes of the input are changes of a conversation, and its frames have
 * right checksums unless the input says otherwise. Owned by one thread.
 */
final class SessionScript {
    /** Pages of the sample layout. */
    static final int PAGES = 6;

    static final int HELLO = 0;
    static final int LAYOUT = 1;
    static final int MISSING = 2;
    static final int BATCH = 3;
    static final int END = 4;

    private static final int ACTIONS = 10;
    private static final int MAX_ACTIONS = 48;
    private static final int PAGE = 4096;
    private static final byte[] SAMPLE_LAYOUT = json(SampleLayouts.plain(PAGES));
    private static final byte[] ZERO_HASH = zeroHash();

    private final ByteArrayOutputStream stream = new ByteArrayOutputStream();
    private final Cursor input;

    private SessionScript(Cursor input) {
        this.input = input;
    }

    /** The stream that the rest of an input stands for. */
    static byte[] stream(Cursor input) {
        SessionScript script = new SessionScript(input);
        for (int action = 0; action < MAX_ACTIONS && input.hasMore(); action++) {
            script.act(input.next() % ACTIONS);
        }
        return script.stream.toByteArray();
    }

    private void act(int action) {
        switch (action) {
            case HELLO -> frame(1, input.nextBytes());
            case LAYOUT -> frame(3, part(SAMPLE_LAYOUT));
            case MISSING -> frame(6, part("[]".getBytes(StandardCharsets.UTF_8)));
            case BATCH -> batch();
            case END -> end();
            case 5 -> frame(3, part(input.nextBytes()));
            case 6 -> frame(6, part(input.nextBytes()));
            case 7 -> frame(input.next() % 2 == 0 ? 3 : 6, longPart());
            case 8 -> frame(input.next(), input.nextBytes());
            default -> unsealed(input.nextBytes());
        }
    }

    private void end() {
        byte[] body = new byte[48];
        buffer(body).putLong(input.next()).putLong(input.next());
        frame(7, body);
    }

    /** The one part of a document. */
    private static byte[] part(byte[] document) {
        byte[] body = new byte[16 + document.length];
        buffer(body).putLong(document.length).putLong(0).put(document);
        return body;
    }

    /** One of several parts: blanks, at the end the sample layout. */
    private byte[] longPart() {
        int parts = 1 + input.next() % 3;
        int part = input.next() % 3;
        int length = part < parts - 1 ? Limits.PART_BYTES : SAMPLE_LAYOUT.length;
        byte[] body = new byte[16 + length];
        Arrays.fill(body, (byte) ' ');
        ByteBuffer out = buffer(body);
        out.putLong((parts - 1L) * Limits.PART_BYTES + SAMPLE_LAYOUT.length);
        out.putLong((long) part * Limits.PART_BYTES);
        if (length == SAMPLE_LAYOUT.length) {
            out.put(SAMPLE_LAYOUT);
        }
        return body;
    }

    /**
     * Runs that the input chooses; pages of data are zeros with their hash, unless it says
     * otherwise.
     */
    private void batch() {
        int sequence = input.nextShort();
        int runs = input.next() % 8;
        boolean damaged = runs >= 6;
        byte[] runTable = new byte[runs * 24];
        ByteBuffer table = buffer(runTable);
        int dataPages = 0;
        int inParent = 0;
        for (int run = 0; run < runs; run++) {
            int kind = input.next() % 5;
            int first = input.next();
            int count = input.next();
            table.put((byte) kind).put(new byte[7]).putLong(first).putLong(count);
            dataPages += kind == 2 ? count : 0;
            inParent += kind == 4 ? count : 0;
        }
        int hashes = dataPages + inParent;
        byte[] frame = new byte[28 + runTable.length + hashes * PageHash.BYTES + dataPages * PAGE];
        ByteBuffer body = buffer(frame);
        body.putLong(sequence).putInt(dataPages).putInt(PAGE).putShort((short) runs);
        body.put((byte) 0).put((byte) 0).putInt(dataPages * PAGE);
        body.putInt(inParent).put(runTable);
        for (int hash = 0; hash < hashes; hash++) {
            body.put(damaged ? new byte[PageHash.BYTES] : ZERO_HASH);
        }
        frame(4, frame);
    }

    private void frame(int type, byte[] body) {
        byte[] frame = new byte[FrameSeal.HEADER_BYTES + body.length];
        buffer(frame)
                .putShort(4, (short) Limits.VERSION)
                .put(6, (byte) type)
                .putInt(8, body.length)
                .put(FrameSeal.HEADER_BYTES, body);
        FrameSeal.seal(frame);
        stream.writeBytes(frame);
    }

    private void unsealed(byte[] bytes) {
        stream.writeBytes(bytes);
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] json(Object value) {
        try {
            return Json.MAPPER.writeValueAsBytes(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] zeroHash() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(PAGE);
            MemorySegment hash = arena.allocate(PageHash.BYTES);
            new PageHash().hash(page, 0, PAGE, hash, 0);
            return hash.toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
