package dev.stillframe.engine.image;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Decides which memory goes into a core file. A region is one loadable segment, unless parts of it
 * are not in the image: those are in no segment, so that a debugger says that it cannot read them.
 * A segment without contents would not do for them, as gdb takes it for zeros. Without contents,
 * but there, are:
 *
 * <ul>
 *   <li>memory that nobody can read and that holds nothing, such as reserved address space;
 *   <li>what is only in a shared file mapping, and private mappings of more than {@value
 *       #MAX_FILE_BYTES} bytes of an unchanged file: the debugger finds the file by {@code
 *       NT_FILE}.
 * </ul>
 *
 * Smaller private file mappings, in particular the programs and libraries, are there as a whole, so
 * that the core can be read on another machine and has their build ids.
 */
final class ElfSegments {
    private static final long MAX_FILE_BYTES = 256L << 20;

    /** More would be a core of nothing but fragments. */
    private static final int MAX_SEGMENTS = 1 << 20;

    private final List<Segment> segments = new ArrayList<>();

    /**
     * A loadable segment.
     *
     * @param range its addresses
     * @param flags {@code p_flags}: 4 readable, 2 writable, 1 executable
     * @param contents whether its bytes are in the file
     */
    record Segment(AddressRange range, int flags, boolean contents) {}

    private ElfSegments() {}

    /** The segments of an image, by address. */
    static List<Segment> of(ImageReader reader) throws IOException {
        ElfSegments segments = new ElfSegments();
        for (Region region : reader.layout().regions()) {
            segments.addRegion(reader, region);
        }
        return List.copyOf(segments.segments);
    }

    private void addRegion(ImageReader reader, Region region) throws IOException {
        int flags = flags(region.protection());
        if (flags == 0 && region.extents().isEmpty()) {
            add(new Segment(region.range(), flags, false));
            return;
        }
        int before = segments.size();
        reader.walk(
                region.range(),
                stretch -> {
                    if (stretch instanceof Stretch.Unavailable) {
                        return;
                    }
                    boolean contents = hasContents(region, stretch);
                    Segment last = segments.size() > before ? segments.getLast() : null;
                    if (last != null
                            && last.contents() == contents
                            && last.range().end() == stretch.range().start()) {
                        AddressRange joined =
                                new AddressRange(last.range().start(), stretch.range().end());
                        segments.set(segments.size() - 1, new Segment(joined, flags, contents));
                    } else {
                        add(new Segment(stretch.range(), flags, contents));
                    }
                });
    }

    private void add(Segment segment) throws IOException {
        if (segments.size() == MAX_SEGMENTS) {
            throw new IOException(
                    "the image has more than "
                            + MAX_SEGMENTS
                            + " fragments; export ranges of it as raw instead");
        }
        segments.add(segment);
    }

    private static boolean hasContents(Region region, Stretch stretch) {
        return switch (stretch) {
            case Stretch.Stored _, Stretch.Zero _ -> true;
            case Stretch.FileBacked(AddressRange range, _, _) ->
                    region.kind() == RegionKind.PRIVATE_FILE && range.sizeBytes() <= MAX_FILE_BYTES;
            case Stretch.Unavailable _ -> false;
        };
    }

    private static int flags(String protection) {
        return (protection.charAt(0) == 'r' ? 4 : 0)
                | (protection.charAt(1) == 'w' ? 2 : 0)
                | (protection.charAt(2) == 'x' ? 1 : 0);
    }
}
