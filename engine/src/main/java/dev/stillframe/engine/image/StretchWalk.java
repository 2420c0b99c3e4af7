package dev.stillframe.engine.image;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.PageRecords;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Says of every address where its bytes are: the record of its page decides where there is one;
 * elsewhere the list of what is missing, and then what kind of memory it is. Owned by one thread.
 */
final class StretchWalk {
    private static final int RECORDS_PER_STEP = 4096;

    private final int pageSizeBytes;
    private final List<Region> regions;
    private final PageLocator locator;
    private final MissingRanges missing;
    private final PageRecords records;
    private final ReferencedFiles files = new ReferencedFiles();
    private final ByteBuffer step =
            ByteBuffer.allocate(RECORDS_PER_STEP * PageRecords.RECORD_BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN);

    StretchWalk(Layout layout, MissingRanges missing, PageRecords records) {
        this.pageSizeBytes = layout.pageSizeBytes();
        this.regions = layout.regions();
        this.locator = new PageLocator(layout);
        this.missing = missing;
        this.records = records;
    }

    /**
     * Shows the stretches of {@code range} in address order, without gaps; neighbours may be of one
     * kind.
     */
    void walk(AddressRange range, Stretch.Visitor visitor) throws IOException {
        long address = range.start();
        for (int next = locator.firstRegionBehind(address); address < range.end(); next++) {
            long regionStart =
                    next < regions.size() ? regions.get(next).range().start() : range.end();
            if (regionStart > address) {
                long end = Math.min(regionStart, range.end());
                visitor.visit(
                        new Stretch.Unavailable(
                                new AddressRange(address, end), "nothing was mapped there"));
                address = end;
            }
            if (address < range.end()) {
                Region region = regions.get(next);
                long end = Math.min(region.range().end(), range.end());
                walkRegion(region, new AddressRange(address, end), visitor);
                address = end;
            }
        }
    }

    private void walkRegion(Region region, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        long address = range.start();
        for (int next = firstExtentBehind(region, address); address < range.end(); next++) {
            boolean last = next >= region.extents().size();
            long start = last ? range.end() : start(region, region.extents().get(next));
            if (start > address) {
                long end = Math.min(start, range.end());
                walkAbsent(region, new AddressRange(address, end), visitor);
                address = end;
            }
            if (address < range.end()) {
                Extent extent = region.extents().get(next);
                long end = Math.min(start + extent.pageCount() * pageSizeBytes, range.end());
                long firstOrdinal = extent.firstOrdinal() + (address - start) / pageSizeBytes;
                walkRecords(firstOrdinal, new AddressRange(address, end), visitor);
                address = end;
            }
        }
    }

    /**
     * Shows pages that have records; {@code firstOrdinal} is the page that {@code range} begins in.
     */
    private void walkRecords(long firstOrdinal, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        long address = range.start();
        long ordinal = firstOrdinal;
        while (address < range.end()) {
            long pageStart = address - address % pageSizeBytes;
            int count =
                    (int)
                            Math.min(
                                    RECORDS_PER_STEP,
                                    (range.end() - pageStart - 1) / pageSizeBytes + 1);
            records.copy(ordinal, count, step.clear());
            for (int page = 0; page < count; ) {
                long code = step.getLong(page * PageRecords.RECORD_BYTES);
                int end = page + 1;
                while (end < count && step.getLong(end * PageRecords.RECORD_BYTES) == code) {
                    end++;
                }
                long until = Math.min(pageStart + (long) end * pageSizeBytes, range.end());
                showRecorded(code, new AddressRange(address, until), visitor);
                address = until;
                page = end;
            }
            ordinal += count;
        }
    }

    private void showRecorded(long code, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        if (code == PageKind.DATA.code() || code == PageKind.IN_PARENT.code()) {
            visitor.visit(new Stretch.Stored(range));
        } else if (code == PageKind.ZERO.code()) {
            visitor.visit(new Stretch.Zero(range));
        } else if (code == PageKind.LOST.code()) {
            showMissing(
                    range, visitor, part -> visitor.visit(new Stretch.Unavailable(part, "lost")));
        } else {
            throw new ImageFormatException(
                    "the index says " + code + " of the pages at " + range + ", which is no kind");
        }
    }

    private void walkAbsent(Region region, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        showMissing(range, visitor, part -> showUnrecorded(region, part, visitor));
    }

    /** Shows what is listed as missing as such, and gives {@code otherwise} the rest. */
    private void showMissing(AddressRange range, Stretch.Visitor visitor, PartVisitor otherwise)
            throws IOException {
        long address = range.start();
        while (address < range.end()) {
            var entry = missing.at(address);
            long end = entry == null ? missing.nextStart(address, range.end()) : entry.end();
            AddressRange part = new AddressRange(address, Math.min(end, range.end()));
            if (entry == null) {
                otherwise.visit(part);
            } else {
                visitor.visit(new Stretch.Unavailable(part, entry.reason()));
            }
            address = part.end();
        }
    }

    private void showUnrecorded(Region region, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        switch (region.kind()) {
            case ANONYMOUS, SHARED, HUGETLB -> visitor.visit(new Stretch.Zero(range));
            case PRIVATE_FILE, SHARED_FILE -> showFile(region, range, visitor);
            case KERNEL ->
                    visitor.visit(
                            new Stretch.Unavailable(
                                    range, "memory of the kernel that could not be read"));
            case DEVICE -> visitor.visit(new Stretch.Unavailable(range, "memory of a device"));
        }
    }

    private void showFile(Region region, AddressRange range, Stretch.Visitor visitor)
            throws IOException {
        FileReference reference = region.file();
        if (reference == null) {
            visitor.visit(
                    new Stretch.Unavailable(
                            range, "the file behind " + region.name() + " is not known"));
            return;
        }
        if (region.kind() == RegionKind.SHARED_FILE && region.protection().charAt(1) == 'w') {
            visitor.visit(
                    new Stretch.Unavailable(
                            range,
                            reference.path() + " was mapped to be written; it is not stored"));
            return;
        }
        ReferencedFiles.Finding found = files.find(reference);
        if (found.problem() != null) {
            visitor.visit(new Stretch.Unavailable(range, found.problem()));
            return;
        }
        // A mapping ends with zeros up to the end of the file's last page; there is nothing to read
        // behind it.
        // Nothing is added before it is known to be inside the file: a hostile image can name any
        // offset.
        long inRegion = range.start() - region.range().start();
        long fileEnd = (reference.sizeBytes() + pageSizeBytes - 1) / pageSizeBytes * pageSizeBytes;
        long mapped = fileEnd - region.fileOffsetBytes();
        long backed = mapped <= inRegion ? 0 : Math.min(mapped - inRegion, range.sizeBytes());
        if (backed > 0) {
            AddressRange inside = new AddressRange(range.start(), range.start() + backed);
            visitor.visit(
                    new Stretch.FileBacked(
                            inside, found.path(), region.fileOffsetBytes() + inRegion));
        }
        if (backed < range.sizeBytes()) {
            AddressRange behind = new AddressRange(range.start() + backed, range.end());
            visitor.visit(new Stretch.Unavailable(behind, "behind the end of " + reference.path()));
        }
    }

    private int firstExtentBehind(Region region, long address) {
        List<Extent> extents = region.extents();
        int low = 0;
        int high = extents.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            Extent extent = extents.get(middle);
            if (start(region, extent) + extent.pageCount() * pageSizeBytes > address) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private long start(Region region, Extent extent) {
        return region.range().start() + extent.firstPage() * pageSizeBytes;
    }

    @FunctionalInterface
    private interface PartVisitor {
        void visit(AddressRange part) throws IOException;
    }
}
