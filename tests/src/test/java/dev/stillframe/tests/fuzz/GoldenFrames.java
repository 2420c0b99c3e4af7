package dev.stillframe.tests.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The example frames of {@code PROTOCOL.md}, in which {@code 01*4096} is a byte repeated. */
final class GoldenFrames {
    private static final Pattern FRAME =
            Pattern.compile("```frame (\\w+)\n(.*?)```", Pattern.DOTALL);

    private GoldenFrames() {}

    /** Frames by name, in the order of the document. */
    static Map<String, byte[]> read() throws IOException {
        Map<String, byte[]> frames = new LinkedHashMap<>();
        Matcher frame = FRAME.matcher(Files.readString(Path.of("../transport/PROTOCOL.md")));
        while (frame.find()) {
            frames.put(frame.group(1), bytes(frame.group(2)));
        }
        return frames;
    }

    private static byte[] bytes(String block) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (String token : block.replaceAll("#[^\n]*", "").strip().split("\\s+")) {
            String[] repeated = token.split("\\*");
            byte[] hex = HexFormat.of().parseHex(repeated[0]);
            int count = repeated.length == 1 ? 1 : Integer.parseInt(repeated[1]);
            for (int i = 0; i < count; i++) {
                bytes.writeBytes(hex);
            }
        }
        return bytes.toByteArray();
    }
}
