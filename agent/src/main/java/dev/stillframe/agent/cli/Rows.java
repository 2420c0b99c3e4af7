package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.instant.Missing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Lines of a name and a value, aligned. Owned by one thread. */
final class Rows {
    /**
     * More reasons, and more addresses for each, are counted, not listed; show --missing and JSON
     * have them all.
     */
    private static final int REASONS_SHOWN = 20;

    private static final int RANGES_SHOWN = 3;

    /** Several reasons for the same memory make long ones. */
    private static final int REASON_CHARS_SHOWN = 400;

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
                "parent", rootHash + ": has " + Units.count(image.sharedPages()) + " of the pages");
    }

    /** What is missing: how much, and for each reason how much and where the first of it is. */
    Rows missing(List<Missing> missing) {
        if (missing.isEmpty()) {
            return add("missing", "nothing");
        }
        List<Missing> once = Missing.once(missing); // an image from elsewhere may list memory twice
        List<MissingGroup> groups = MissingGroup.of(once);
        add("missing", amount(once.size(), groups.stream().mapToLong(MissingGroup::bytes).sum()));
        groups.stream().limit(REASONS_SHOWN).forEach(this::missing);
        int more = groups.size() - REASONS_SHOWN;
        if (more > 0) {
            add("", Units.count(more) + " more reasons");
        }
        boolean whole = more <= 0 && groups.stream().allMatch(Rows::isShownWhole);
        return whole ? this : add("", "(stillframe show --missing IMAGE lists all)");
    }

    private void missing(MissingGroup group) {
        String reason = group.reason();
        add("", amount(group.ranges().size(), group.bytes()) + ": " + shortened(reason));
        StringBuilder places = new StringBuilder("  at ");
        places.append(
                String.join(
                        ", ",
                        group.ranges().stream().limit(RANGES_SHOWN).map(String::valueOf).toList()));
        int more = group.ranges().size() - RANGES_SHOWN;
        if (more > 0) {
            places.append(" and ").append(Units.count(more)).append(" more");
        }
        add("", places.toString());
    }

    private static boolean isShownWhole(MissingGroup group) {
        return group.ranges().size() <= RANGES_SHOWN
                && group.reason().length() <= REASON_CHARS_SHOWN;
    }

    private static String shortened(String reason) {
        return reason.length() <= REASON_CHARS_SHOWN
                ? reason
                : reason.substring(0, REASON_CHARS_SHOWN) + " ...";
    }

    private static String amount(int ranges, long bytes) {
        return Units.bytes(bytes)
                + " in "
                + Units.count(ranges)
                + (ranges == 1 ? " range" : " ranges");
    }

    List<String> lines() {
        int width = rows.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        return rows.stream()
                .map(row -> row.name() + " ".repeat(width - row.name().length() + 2) + row.value())
                .toList();
    }
}
