package dev.stillframe.transport.wire;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The example frames of {@code PROTOCOL.md}, which are the only place where they are written down:
 * blocks that begin with {@code ```frame NAME}; everything behind a {@code #} is a remark; {@code
 * 01*4096} is a byte repeated.
 */
public final class GoldenVectors {

    private GoldenVectors() {}

    /** Frames by name, in the order of the document. */
    static Map<String, byte[]> read() throws IOException {
        return read("frame");
    }

    /** What is inside of frames, encoded contents for instance. */
    public static Map<String, byte[]> read(String kind) throws IOException {
        String begin = "```" + kind + " ";
        List<String> lines = Files.readAllLines(Path.of("PROTOCOL.md"));
        Map<String, byte[]> frames = new LinkedHashMap<>();
        for (int line = 0; line < lines.size(); line++) {
            if (lines.get(line).startsWith(begin)) {
                String name = lines.get(line).substring(begin.length());
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                for (line++; !lines.get(line).equals("```"); line++) {
                    append(lines.get(line), bytes);
                }
                frames.put(name, bytes.toByteArray());
            }
        }
        return frames;
    }

    private static void append(String line, ByteArrayOutputStream bytes) {
        String text = line.replaceFirst("#.*", "").strip();
        for (String token : text.isEmpty() ? new String[0] : text.split("\\s+")) {
            int star = token.indexOf('*');
            byte[] hex = HexFormat.of().parseHex(star < 0 ? token : token.substring(0, star));
            int count = star < 0 ? 1 : Integer.parseInt(token.substring(star + 1));
            for (int i = 0; i < count; i++) {
                bytes.writeBytes(hex);
            }
        }
    }
}
