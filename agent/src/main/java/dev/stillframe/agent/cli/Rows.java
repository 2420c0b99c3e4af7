package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.page.Missing;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Lines of a name and a value, aligned. Owned by one thread. */
final class Rows {
    /** More missing ranges than this are counted, not listed; JSON has them all. */
    private static final int MISSING_SHOWN = 50;

    private record Row(String name, String value) {}

    private final List<Row> rows = new ArrayList<>();

    Rows add(String name, String value) {
        rows.add(new Row(name, value));
        return this;
    }

    /** Nothing for an image that stands alone. */
    Rows parent(ImageReader image) throws IOException {
        String rootHash = image.parent();
        if (rootHash == null) {
            return this;
        }
        return add(
                "parent",
                image.sharesPages()
                        ? rootHash + ": has " + Units.count(image.sharedPages()) + " of the pages"
                        : rootHash + ": this image has only the changes, and the parent was not looked at");
    }

    /** What is missing: one row with the number, one for each range. */
    Rows missing(List<Missing> missing) {
        if (missing.isEmpty()) {
            return add("missing", "nothing");
        }
        long bytes = missing.stream().mapToLong(each -> each.range().sizeBytes()).sum();
        add("missing", Units.count(missing.size()) + " ranges, " + Units.bytes(bytes));
        missing.stream()
                .limit(MISSING_SHOWN)
                .forEach(each -> add("", each.range() + "  " + each.reason()));
        int more = missing.size() - MISSING_SHOWN;
        return more > 0 ? add("", Units.count(more) + " more; --json lists all") : this;
    }

    List<String> lines() {
        int width = rows.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        return rows.stream()
                .map(row -> row.name() + " ".repeat(width - row.name().length() + 2) + row.value())
                .toList();
    }
}
