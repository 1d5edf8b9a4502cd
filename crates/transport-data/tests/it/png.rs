use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage};
use transport_data::{DataError, ImageShape, read, read_png_folder};

use crate::{file, folder, names};

#[test]
fn grey_images_sorted_by_name() {
    let dir = folder();
    let save = |name: &str, grey: [u8; 2]| {
        GrayImage::from_raw(2, 1, grey.to_vec()).unwrap().save(dir.path().join(name)).unwrap();
    };
    save("b.png", [2, 3]);
    save("a.PNG", [0, 255]);
    file(&dir, "notes.txt", "not an image");
    let data = read(dir.path()).unwrap();
    assert_eq!(data.table.values(), [0.0, 255.0, 2.0, 3.0]);
    assert_eq!(data.table.names(), ["p00", "p01"]);
    assert_eq!(data.image, Some(ImageShape { height: 1, width: 2, channels: 1 }));
    assert_eq!(data.range, Some((0.0, 255.0)));
}

#[test]
fn colour_and_16_bits_are_on_one_scale() {
    let dir = folder();
    RgbImage::from_pixel(1, 1, Rgb([1, 2, 255])).save(dir.path().join("a.png")).unwrap();
    let words = ImageBuffer::from_pixel(1, 1, Rgb([0_u16, 257, 65535]));
    DynamicImage::ImageRgb16(words).save(dir.path().join("b.png")).unwrap();
    let data = read(dir.path()).unwrap();
    assert_eq!(data.table.values(), [1.0, 2.0, 255.0, 0.0, 1.0, 255.0]);
    assert_eq!(data.image, Some(ImageShape { height: 1, width: 1, channels: 3 }));
    let dir = folder();
    let words = ImageBuffer::from_pixel(1, 1, Luma([514_u16]));
    DynamicImage::ImageLuma16(words).save(dir.path().join("a.png")).unwrap();
    assert_eq!(read_png_folder(dir.path()).unwrap().table.values(), [2.0]);
    assert!(matches!(read(dir.path()).unwrap_err(), DataError::TooFewRows { rows: 1, .. }));
}

#[test]
fn images_of_two_sizes_name_both() {
    let dir = folder();
    let (a, b) = (dir.path().join("a.png"), dir.path().join("b.png"));
    GrayImage::new(2, 1).save(&a).unwrap();
    GrayImage::new(3, 1).save(&b).unwrap();
    let e = read(dir.path()).unwrap_err();
    assert!(matches!(e, DataError::PngSize { .. }));
    names(&e, &a);
    names(&e, &b);
    assert!(e.to_string().contains("1x3x1") && e.to_string().contains("1x2x1"), "{e}");
}

#[test]
fn what_is_no_such_image_is_refused() {
    let dir = folder();
    let path = file(&dir, "a.png", "not a png");
    let e = read(dir.path()).unwrap_err();
    names(&e, &path);
    assert!(matches!(e, DataError::Png { .. }));
    RgbaImage::new(1, 1).save(&path).unwrap();
    let e = read(dir.path()).unwrap_err();
    assert!(matches!(&e, DataError::PngPixels { found, .. } if found == "Rgba8"), "{e}");
    std::fs::remove_file(&path).unwrap();
    let e = read(dir.path()).unwrap_err();
    names(&e, dir.path());
    assert!(matches!(e, DataError::NothingInFolder { .. }));
    assert!(e.to_string().contains("train-images-idx3-ubyte") && e.to_string().contains("*.png"));
    let text = file(&dir, "t.csv", "1");
    assert!(matches!(read_png_folder(&text).unwrap_err(), DataError::NotAFolder { .. }));
}
